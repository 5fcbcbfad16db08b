import { randomFillSync } from 'node:crypto'
import { systemClock } from '../src/clock.ts'
import { accountKey, nameKey } from '../src/store/accounts.ts'
import { type Codes, createCodes } from '../src/store/codes.ts'
import { createGrants, type Grant } from '../src/store/grants.ts'
import { createMint } from '../src/store/mint.ts'
import { createRefreshTokens } from '../src/store/refresh-tokens.ts'
import { createSecrets } from '../src/store/secrets.ts'
import { FOR_EVER, type Store, type Write } from '../src/store/store.ts'
import { tokenWrite } from '../src/store/token-row.ts'
import { silentLog } from '../src/telemetry/log.ts'

// Rows as the product writes them, by its own functions: people, their grants to two clients, a token under each.

export const SECRET = 'a-secret-for-the-bench-alone-that-is-long-enough'
export const LIVES = { accessToken: 7200, refreshToken: 2_592_000, refreshRetry: 60 }
const GRANT = 31_536_000
const CODE = 600
/** Grants of a person. */
const EACH = 10

export type Row = Extract<Write, { op: 'set' }>

/** What a client holds of a grant. */
export type Sample = {
  readonly client_id: string
  readonly access: string
  readonly refresh: string
}

const secrets = createSecrets([SECRET])
// Of a store that has known one configuration only.
const terms = { of: () => undefined }
const tokenLife = () => LIVES.accessToken
const base = { secrets, clock: systemClock, log: silentLog, terms, tokenLife }

const none = (): Promise<never> => Promise.reject(new Error('there is no store'))
const rows = createGrants({ ...base, store: { get: none } as unknown as Store })
const { mint } = createMint({ secrets, terms })
const refreshTokens = createRefreshTokens({ ...base, store: {} as Store, grants: { find: none } })

const begin = (client_id: string, sub: string): Grant => {
  const now = systemClock()
  return rows.begin({
    ...{ client_id, sub, scope: ['orders.read', 'orders.write'], resource: [] },
    ...{ auth_time: now, created: now, expires: now + GRANT },
  })
}

/**
 * The rows of so many grants, in the order in which they would have been written; `keep` is told what the client of one
 * was given, of some `samples` of them, spread by chance.
 */
export function* rowsOf(
  count: number,
  samples: number,
  keep: (sample: Sample) => void,
): Generator<Row> {
  for (let n = 0; n < count; n += 1) {
    const sub = subOf(n)
    if (n % EACH === 0) yield* account(sub)
    const grant = begin(clientOf(n), sub)
    const sampled = Math.random() < samples / count
    yield* sampled ? kept(grant, keep) : plain(grant)
  }
}

const subOf = (n: number): string => `person-${Math.floor(n / EACH)}`

/** The one has a tenth of all grants. */
const clientOf = (n: number): string => (n % 10 === 0 ? 'tenth' : 'web')

function* kept(begun: Grant, keep: (sample: Sample) => void): Generator<Row> {
  const { value: refresh, grant } = refreshTokens.first(begun, LIVES)
  const { value: access, write } = mint(tokenOf(grant))
  keep({ client_id: grant.client_id, access, refresh })
  yield asRow(rows.write(grant))
  yield asRow(write)
}

// The same by its looks, at a tenth of the price.
function* plain(begun: Grant): Generator<Row> {
  const stepped = begun.created
  const refresh = { generation: 0, salt_digest: random(43), stepped }
  const expires = stepped + LIVES.refreshToken
  const grant = { ...begun, redeemed: true, refresh: { ...refresh, expires } }
  yield asRow(rows.write(grant))
  yield asRow(tokenWrite({ id: random(43), ...tokenOf(grant) }))
}

const tokenOf = ({ id, client_id, sub, scope, created }: Grant) => ({
  ...{ grant_id: id, client_id, sub, scope, aud: [] },
  ...{ iat: Math.floor(created), exp: Math.floor(created) + LIVES.accessToken },
})

function* account(sub: string): Generator<Row> {
  const settings = { username: sub, sub, password: `$argon2id$v=19$m=19456,t=2,p=1$${random(86)}` }
  const value = JSON.stringify({ settings, created: systemClock() })
  const expires = FOR_EVER
  yield { op: 'set', key: accountKey(sub), value, expires, indexes: ['accounts'] }
  yield { op: 'set', key: nameKey(sub), value: sub, expires }
}

const asRow = (write: Write): Row => {
  if (write.op !== 'set') throw new TypeError('a row is set')
  return write
}

const bytes = Buffer.alloc(64)
const random = (length: number): string =>
  randomFillSync(bytes).toString('base64url').slice(0, length)

/** Rows of tokens and of grants that end at `expires`, in turns. */
export const overRows = (count: number, people: number, expires: number): readonly Row[] =>
  Array.from({ length: count }, (_, n) => {
    const grant = begin('web', subOf(Math.floor(Math.random() * people) * EACH))
    const row = n % 2 === 0 ? rows.write(grant) : tokenWrite({ id: random(43), ...tokenOf(grant) })
    return { ...asRow(row), expires }
  })

/** Writes so many codes of the client `web`, as the consent page does. */
export const issueCodes = async (
  store: Store,
  count: number,
  request: { redirect_uri: string; code_challenge: string; people: number },
): Promise<readonly string[]> => {
  const codes: Codes = createCodes({ ...base, store })
  const { people, ...asked } = request
  const issue = async () => {
    const grant = begin('web', subOf(Math.floor(Math.random() * people) * EACH))
    const value = await codes.issue({ ...asked, grant, redirect_uri_given: true, lifetime: CODE })
    if (value === undefined) throw new Error('no code')
    return value
  }
  return Promise.all(Array.from({ length: count }, issue))
}
