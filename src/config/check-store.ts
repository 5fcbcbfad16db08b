import { listOf, type Row, rowOf, textOf } from './loose.ts'
import { attempt, type Path, type Report } from './problem.ts'
import { parseStore } from './store-location.ts'

/** What the choice of a store asks of other keys. */
export const checkStore = (data: Row, report: Report): void => {
  const text = textOf(data.store)
  const kind = text === undefined ? 'sqlite' : attempt(() => parseStore(text))?.kind
  const alone = data.workers === undefined || data.workers === 1 || data.workers === '1'
  if (kind === 'memory' && !alone)
    report.problem(['workers'], 'must be 1 with store: memory:, which processes cannot share')
  const secrets = listOf(Array.isArray(data.secret) ? data.secret : [data.secret])
  if (kind === 'redis' || kind === 'postgres') {
    const needed = `is required with a ${kind} store: all instances must have the same`
    if (!secrets.some((secret) => typeof secret === 'string' && secret !== ''))
      report.problem(['secret'], needed, ['store'])
    if (rowOf(data.admin).token === undefined) report.problem(['admin', 'token'], needed, ['store'])
  }
  checkStrength(data, report)
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
