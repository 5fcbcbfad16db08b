import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { isLoopback } from '../../config/address.ts'
import type { Config } from '../../config/config.ts'
import { type Finding, ok, warning } from './finding.ts'
import type { RunningGateway } from './running-gateway.ts'

/** What the machine lets the gateway have, and who reaches it. */
export const examineMachine = (
  config: Config,
  gateway: RunningGateway | undefined,
): readonly Finding[] => [...openFiles(config, gateway), workers(config), listener(config)]

const openFiles = (config: Config, gateway: RunningGateway | undefined): readonly Finding[] => {
  // Of several processes the metric is the sum.
  const isOne = gateway?.metric('portcullis_workers') === undefined
  const told = isOne ? gateway?.metric('process_max_fds')?.value : undefined
  const most = told ?? ownLimit()
  if (most === undefined) return []
  const needed = config.limits.connections + upstreamConnections(config) + SPARE
  const message = `${most} files may be open at a time, and ${needed} are needed at most (limits.connections, connections of the upstreams)`
  return [
    most >= needed
      ? ok('machine.files', message)
      : warning(
          'machine.files',
          message,
          'Raise it (LimitNOFILE= of the systemd unit, ulimit -n), or lower limits.connections.',
        ),
  ]
}

/** The store, the log, the listeners, modules. */
const SPARE = 64

const upstreamConnections = ({ upstreams }: Config): number =>
  [...upstreams.values()].reduce(
    (sum, { targets, connections }) => sum + targets.length * connections,
    0,
  )

/** The hard limit, up to which Node raises the other one when it starts. */
const ownLimit = (): number | undefined => {
  try {
    const [, hard] =
      /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return hard === undefined ? undefined : Number(hard)
  } catch {
    return undefined
  }
}

const workers = ({ workers: wanted }: Config): Finding => {
  const cores = availableParallelism()
  if (wanted === 'auto') return ok('machine.workers', `one process for each of ${cores} cores`)
  return wanted <= cores
    ? ok('machine.workers', `${wanted} of ${cores} cores are used`)
    : warning(
        'machine.workers',
        `${wanted} processes share ${cores} cores`,
        'Set workers: auto, or at most the number of cores.',
      )
}

const listener = ({ listen }: Config): Finding =>
  isLoopback(listen.host)
    ? ok('listeners', 'the public listener is on loopback')
    : warning(
        'listeners',
        `the public listener is on the network (${listen.host || 'every address'}) without TLS: whoever goes past the proxy sends tokens in the clear`,
        'Let it listen on loopback or on a private network, and let a firewall admit the proxy alone.',
      )
