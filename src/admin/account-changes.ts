import { judgeAccount } from '../config/judge-account.ts'
import { AccountRefused } from '../store/account-registry.ts'
import type { KnownAccount } from '../store/account-row.ts'
import { type Answer, json, NOTHING, problem } from './answer.ts'
import { added, changesBetween, disabling, enabling, removed } from './changes.ts'
import { versionIn } from './if-match.ts'
import { by, type Principal } from './principal.ts'
import { refusedFindings } from './refused-findings.ts'
import type { Room } from './room.ts'
import { etagOfAccount, shownAccount } from './shown-account.ts'

export type AccountRoom = Pick<Room, 'config' | 'stores' | 'clock'>

type Call<Body> = {
  readonly params: Readonly<Record<string, string>>
  readonly body: Body
  readonly ifMatch: string | undefined
  readonly principal: Principal
}

export type NewAccountBody = Readonly<Record<string, unknown>> & { readonly password: string }

export const createAccount = async (
  body: NewAccountBody,
  principal: Principal,
  room: AccountRoom,
): Promise<Answer> => {
  const weak = passwordProblem(body.password)
  if (weak !== undefined) return weak
  if (body.disabled !== undefined) return DISABLED_ELSEWHERE
  const judged = judgeAccount({ ...body, password: ANY_HASH }, room.config())
  if ('findings' in judged) return refusedFindings('account', judged.findings)
  const password = await room.stores.passwords.hash(body.password, principal.remote)
  const { password: _, disabled: _disabled, ...settings } = judged.account
  return refusing(async () => {
    const who = { ...by(principal), ...added(settings) }
    const known = await room.stores.accounts.create({ ...settings, password }, who)
    return json(201, shownAccount(known, undefined), {
      ETag: etagOfAccount(known),
      Location: `/api/v1/accounts/${encodeURIComponent(known.sub)}`,
    })
  })
}

/** What is null is taken away; what is left out stays. */
export type AccountPatch = {
  readonly [name in 'username' | 'name' | 'email' | 'scope' | 'admin']?: string | null
} & { readonly grantValues?: Readonly<Record<string, unknown>> | null }

export const changeAccount = async (
  call: Call<AccountPatch>,
  room: AccountRoom,
): Promise<Answer> => {
  const sub = call.params.sub ?? ''
  const before = await room.stores.accounts.read(sub)
  if (before === undefined) return UNKNOWN
  if (before.source === 'file') return OF_THE_FILE
  const { settings } = settingsOf(before)
  const given = Object.entries(call.body).map(
    ([name, value]) => [name, value ?? undefined] as const,
  )
  const next = Object.fromEntries(
    [...Object.entries(settings), ...given].filter(([, value]) => value !== undefined),
  )
  const judged = judgeAccount({ ...next, password: ANY_HASH }, room.config())
  if ('findings' in judged) return refusedFindings('account', judged.findings)
  const changes = Object.fromEntries(
    given.map(([name, value]) => [
      name,
      value === undefined ? undefined : judgedValue(judged.account, name),
    ]),
  )
  return refusing(async () => {
    const known = await room.stores.accounts.change(sub, versionIn(call.ifMatch), changes, {
      ...by(call.principal),
      ...changesBetween(settings, { ...settings, ...changes }),
    })
    return answerWithAccount(known, room)
  })
}

const settingsOf = (known: KnownAccount) => {
  const {
    source: _,
    created: _created,
    version: _version,
    disabled: _disabled,
    ...settings
  } = known
  return { settings }
}

const judgedValue = (account: object, name: string): unknown =>
  new Map(Object.entries(account)).get(name)

export const removeAccount = async (
  { params, ifMatch, principal }: Call<unknown>,
  { stores }: AccountRoom,
): Promise<Answer> => {
  const sub = params.sub ?? ''
  const known = await stores.accounts.read(sub)
  if (known === undefined) return UNKNOWN
  const who = { ...by(principal), ...removed(settingsOf(known).settings) }
  return refusing(async () => {
    await stores.accounts.remove(sub, who, versionIn(ifMatch))
    return NOTHING
  })
}

export const setAccountPassword = async (
  { params, body, principal }: Call<{ readonly password: string }>,
  { stores }: AccountRoom,
): Promise<Answer> => {
  const weak = passwordProblem(body.password)
  if (weak !== undefined) return weak
  const hash = await stores.passwords.hash(body.password, principal.remote)
  return refusing(async () => {
    await stores.accounts.setPassword(params.sub ?? '', hash, by(principal))
    return NOTHING
  })
}

export const disableAccount = async (
  { params, body, principal }: Call<{ readonly reason: string }>,
  room: AccountRoom,
): Promise<Answer> => {
  const sub = params.sub ?? ''
  await room.stores.accounts.disable(sub, body.reason, {
    ...by(principal),
    ...disabling(body.reason),
  })
  return answerWithAccount(await room.stores.accounts.read(sub), room)
}

export const enableAccount = async (
  { params, principal }: Call<unknown>,
  room: AccountRoom,
): Promise<Answer> => {
  const sub = params.sub ?? ''
  const known = await room.stores.accounts.read(sub)
  if (known?.disabled?.at === 0) return DISABLED_IN_FILE
  await room.stores.accounts.enable(sub, {
    ...by(principal),
    ...enabling(known?.disabled?.reason),
  })
  return answerWithAccount(await room.stores.accounts.read(sub), room)
}

export const answerWithAccount = (
  known: KnownAccount | undefined,
  { config }: AccountRoom,
): Answer => {
  if (known === undefined) return UNKNOWN
  const line = known.source === 'file' ? config().lines.accounts.get(known.username) : undefined
  return json(200, shownAccount(known, line), { ETag: etagOfAccount(known) })
}

/** NIST SP 800-63B §3.1.1.2: a length, and no rules of composition. */
const passwordProblem = (password: string): Answer | undefined => {
  const length = [...password.normalize('NFC')].length
  return length >= SHORTEST && length <= LONGEST ? undefined : PASSWORD_LENGTH
}

const refusing = async (act: () => Promise<Answer>): Promise<Answer> => {
  try {
    return await act()
  } catch (error) {
    if (error instanceof AccountRefused) return REFUSALS[error.reason]
    throw error
  }
}

const SHORTEST = 8
const LONGEST = 1024
const ANY_HASH = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`

const UNKNOWN = problem(404, 'not_found', 'There is no such account')
const CONFLICT = problem(412, 'conflict', 'Somebody has changed it since: read it again')
const OF_THE_FILE = problem(
  409,
  'of_the_file',
  'The configuration file declares it: change it there; here it can be disabled, and given a password',
)
const DISABLED_IN_FILE = problem(409, 'of_the_file', 'The configuration file disables it')
const TAKEN = problem(409, 'taken', 'Another account has this username or sub')
const RESERVED = problem(400, 'invalid_request', 'A sub must not begin with client:')
const DISABLED_ELSEWHERE = problem(400, 'invalid_request', 'An account is disabled by …/disable')
const PASSWORD_LENGTH = problem(
  400,
  'invalid_request',
  `A password needs ${SHORTEST} to ${LONGEST} characters`,
)

const REFUSALS = {
  unknown: UNKNOWN,
  'of the file': OF_THE_FILE,
  conflict: CONFLICT,
  taken: TAKEN,
  reserved: RESERVED,
} as const
