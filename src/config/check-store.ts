import { isLoopback } from './address.ts'
import { listOf, type Row, rowOf, textOf } from './loose.ts'
import { checkKey, readCertificate } from './pem.ts'
import { attempt, type Path, type Report, Wrong } from './problem.ts'
import type { PostgresLocation, RedisLocation } from './store-location.ts'
import { parseStore } from './store-location.ts'
import { isSocket } from './store-url.ts'

/** What the choice of a store asks of other keys. */
export const checkStore = (data: Row, report: Report, folder: string): void => {
  const text = textOf(data.store)
  const store = text === undefined ? undefined : attempt(() => parseStore(text))
  const kind = text === undefined ? 'sqlite' : store?.kind
  const alone = data.workers === undefined || data.workers === 1 || data.workers === '1'
  if (kind === 'memory' && !alone)
    report.problem(['workers'], 'must be 1 with store: memory:, which processes cannot share')
  const secrets = listOf(Array.isArray(data.secret) ? data.secret : [data.secret])
  if (kind === 'redis' || kind === 'postgres') {
    const needed = `is required with a ${kind} store: all instances must have the same`
    if (!secrets.some((secret) => typeof secret === 'string' && secret !== ''))
      report.problem(['secret'], needed, ['store'])
    const { token } = rowOf(data.admin)
    if (token === undefined || token === '') report.problem(['admin', 'token'], needed, ['store'])
  }
  if (text !== undefined && (store?.kind === 'redis' || store?.kind === 'postgres'))
    checkConnection(text, store, report, folder)
  checkStrength(data, report)
}

const checkConnection = (
  text: string,
  store: RedisLocation | PostgresLocation,
  report: Report,
  folder: string,
): void => {
  const { tls, host } = store
  const near = isSocket(host) || isLoopback(host)
  if (store.kind === 'postgres' && tls === undefined && !near && !/[?&]sslmode=/.test(text))
    report.warning(
      ['store'],
      'sends everything in the clear: add ?sslmode=verify-full (or sslmode=disable, where the network is trusted)',
    )
  try {
    if (tls?.ca !== undefined) readCertificate(tls.ca, folder)
    const shown = tls?.cert === undefined ? undefined : readCertificate(tls.cert, folder)
    if (tls?.key !== undefined && shown !== undefined) checkKey(tls.key, folder, shown)
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    report.problem(['store'], error.message)
  }
}

const checkStrength = (data: Row, report: Report): void => {
  const secrets: readonly (readonly [Path, unknown])[] = Array.isArray(data.secret)
    ? data.secret.map((secret, index) => [['secret', index], secret] as const)
    : [[['secret'], data.secret]]
  for (const [path, secret] of [...secrets, [['admin', 'token'], rowOf(data.admin).token] as const])
    if (typeof secret !== 'string' || secret === '') continue
    else if (path[0] === 'secret' && secret.length < LEAST)
      report.problem(path, `must be at least ${LEAST} characters long (openssl rand -base64 32)`)
    else if (secret.length < SHORTEST)
      report.warning(
        path,
        `is short: at least ${SHORTEST} random characters (openssl rand -base64 32)`,
      )
}

/** What key-ring.ts asks for. */
const LEAST = 16
const SHORTEST = 32
