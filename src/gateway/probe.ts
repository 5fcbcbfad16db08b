import { type ConnectionListener, openConnection } from './http1/connection.ts'
import { createDialer } from './http1/dialer.ts'
import { requestText } from './http1/request-text.ts'
import type { Target } from './target.ts'

/**
 * Asks a target for `path` on a connection of its own, made and closed for it; gives the status of the answer, whose body is
 * not read. Rejects when there is none within `seconds`.
 */
export const probeOnce = (
  { origin, host, dial }: Target,
  path: string,
  seconds: number,
): Promise<number> => {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const timer = setTimeout(() => reject(new Error('no answer in time')), seconds * 1000)
  const connection = openConnection(createDialer(origin, dial(), seconds), PROBES, NO_POOL)
  const probe: Probing = {
    resolve,
    reject,
    write: () => connection.write(requestText(lineOf(path, host)), true),
  }
  connection.lend(probe, 'GET')
  return promise.finally(() => {
    clearTimeout(timer)
    connection.destroy()
  })
}

type Probing = {
  resolve(status: number): void
  reject(error: unknown): void
  write(): void
}

const PROBES: ConnectionListener<Probing> = {
  ready: (probe) => probe.write(),
  interim() {},
  head: (probe, { status }) => probe.resolve(status),
  data() {},
  rested() {},
  drained() {},
  ended() {},
  failed: (probe, error) => probe.reject(error),
}

const NO_POOL = { free() {}, lost() {} }

const lineOf = (path: string, host: string) => ({
  method: 'GET',
  path,
  host,
  fields: ['User-Agent', 'portcullis', 'Accept', '*/*'],
  chunked: false,
})
