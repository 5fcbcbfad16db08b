import { Mistake } from '../mistake.ts'
import type { RefusalPage, Refused } from '../telemetry/refusals.ts'
import type { AdminConnection } from './admin-connection.ts'
import { apiPath } from './admin-connection.ts'
import { Misuse } from './misuse.ts'
import { printable } from './printable.ts'

/**
 * The refusal that a running gateway remembers under the id of a request; the last one, where it stands for several. Throws a
 * `Mistake` that says where else to look, and a `Misuse` for what can be no id.
 */
export const rememberedRefusal = async (
  gateway: Pick<AdminConnection, 'get'>,
  request_id: string,
): Promise<Refused> => {
  if (!ID.test(request_id))
    throw new Misuse('--request takes the id of a request, as X-Request-Id has it')
  const { body } = await gateway.get(apiPath(['refusals'], { request_id, limit: 1 }))
  const [refused] = (body as RefusalPage).items
  if (refused === undefined) throw new Mistake(forgotten(request_id))
  return refused
}

const ID = /^[A-Za-z0-9_.:-]{1,128}$/

const forgotten = (id: string): string =>
  `no refusal of the request ${id} is remembered: it was not refused by this gateway (an upstream may have), or long ago, or before a restart. Look for it in the log, as "request_id":"${id}", and with portcullis audit --request ${id}`

/** For a person: one thing a line, as its line in the log has them; and what to ask next. */
export const refusalText = ({ at, method, path, status, ...rest }: Refused): string => {
  const { refusal = rest.error, request_id, description, ...known } = rest
  const first = `${method} ${path}`.trim() || 'what was no HTTP request'
  const lines = [
    ['request', `${request_id} at ${new Date(at * 1000).toISOString()}`],
    ['answer', `${status} ${refusal ?? ''}${description === undefined ? '' : `: ${description}`}`],
    ...NAMES.flatMap((name) =>
      known[name] === undefined ? [] : [[name, String(known[name])] as const],
    ),
  ] as const
  const text = [first, ...lines.map(([name, value]) => `${name.padEnd(WIDTH)}${value}`)]
  const now = path.startsWith('/') && !path.endsWith('…') ? [asking(method, path)] : []
  return [...text, ...now].map((line) => `${printable(line)}\n`).join('')
}

const NAMES = [
  ...(['route', 'upstream', 'client_id', 'sub', 'grant_id', 'missing_scope'] as const),
  ...(['expired_for', 'ended', 'reason', 'error', 'remote', 'ms'] as const),
]
const WIDTH = 15

const asking = (method: string, path: string): string =>
  `(what becomes of it now: portcullis explain ${method} ${quoted(path)} --token -)`

/** For a shell. */
const quoted = (text: string): string =>
  /^[\w/.:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
