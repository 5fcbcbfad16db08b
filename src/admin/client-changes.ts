import type { ClientSettings } from '../config/config.ts'
import { judgeClient } from '../config/judge-client.ts'
import type { KnownClient } from '../store/client-registry.ts'
import type { StoredClient } from '../store/clients.ts'
import { digest } from '../store/secrets.ts'
import { type Answer, json, NOTHING, problem } from './answer.ts'
import { added, changesBetween, disabling, enabling, removed } from './changes.ts'
import { versionIn } from './if-match.ts'
import { by, mayDo, type Principal } from './principal.ts'
import { refusedFindings } from './refused-findings.ts'
import type { Room } from './room.ts'
import { etagOf, shownClient } from './shown-client.ts'

export type ClientRoom = Pick<Room, 'config' | 'stores' | 'clock'>

type Body = Readonly<Record<string, unknown>>
type Call<B> = {
  readonly params: Readonly<Record<string, string>>
  readonly body: B
  readonly ifMatch: string | undefined
  readonly principal: Principal
}

export const createClient = async (
  body: Body,
  principal: Principal,
  room: ClientRoom,
): Promise<Answer> => {
  const { stores, config, clock } = room
  if (body.disabled !== undefined) return DISABLED_ELSEWHERE
  const client_id = body.client_id ?? stores.secrets.id()
  const secret = stores.secrets.mint('client-secret')
  const judged = judgeClient(withSecret({ ...body, client_id }, secret), config())
  if ('findings' in judged) return refusedFindings('client', judged.findings)
  const { client_secret, disabled: _, ...settings } = judged.client
  if (gainsTrust(undefined, settings, principal)) return FOR_OWNERS
  const secrets = [client_secret ?? []].flat().map((value) => ({ digest: digest(value) }))
  const client: StoredClient = { ...settings, source: 'operator', created: clock(), secrets }
  const who = { ...by(principal), ...added(settings) }
  if (!(await stores.clients.create(client, who))) return TAKEN
  const known = await stores.clients.read(client.client_id)
  if (known === undefined) return UNKNOWN
  const shown = {
    ...shownClient(known, undefined),
    ...(client_secret === secret && { client_secret }),
  }
  return json(201, shown, {
    ETag: etagOf(known),
    Location: `/api/v1/clients/${encodeURIComponent(client.client_id)}`,
  })
}

type Trust = Pick<ClientSettings, 'introspect' | 'skipConsent'>

/** What reaches beyond the client itself, to everybody's tokens and past everybody's consent, takes an owner. */
const gainsTrust = (before: Trust | undefined, after: Trust, principal: Principal): boolean =>
  !mayDo(principal, 'owner') &&
  ((after.introspect && before?.introspect !== true) ||
    (after.skipConsent === true && before?.skipConsent !== true))

/** A confidential client, unless the body says otherwise, is given a secret of ours. */
const withSecret = (body: Body, secret: string): Body =>
  body.client_secret !== undefined ||
  body.token_endpoint_auth_method === 'none' ||
  body.token_endpoint_auth_method === 'private_key_jwt'
    ? body
    : { ...body, client_secret: secret }

export const replaceClient = async (call: Call<Body>, room: ClientRoom): Promise<Answer> => {
  const { stores, config } = room
  const client_id = call.params.client_id ?? ''
  const known = await stores.clients.read(client_id)
  if (known === undefined) return UNKNOWN
  if (known.client.source === 'file') return OF_THE_FILE
  const body: Body = { client_id, ...settable(call.body) }
  if (body.client_secret !== undefined) return NO_SECRET_HERE
  if (body.disabled !== undefined) return DISABLED_ELSEWHERE
  if (body.client_id !== client_id) return ANOTHER_NAME
  const isConfidential = known.client.secret_digests.length > 0
  // The rules need to know that it has one.
  const judged = judgeClient(isConfidential ? withSecret(body, STAND_IN) : body, config())
  if ('findings' in judged) return refusedFindings('client', judged.findings)
  const { client_secret: _, disabled: _disabled, ...settings } = judged.client
  if (gainsTrust(known.client, settings, call.principal)) return FOR_OWNERS
  const changed = await stores.clients.change(
    client_id,
    versionIn(call.ifMatch),
    ({ source, created, secrets, access_digest, ...former }) => ({
      ...descriptionOf(former),
      ...settings,
      ...{ source, created },
      secrets: hasNoSecret(settings) ? [] : secrets,
      ...(access_digest !== undefined && { access_digest }),
    }),
    { ...by(call.principal), ...changesBetween(settingsOf(known), settings) },
  )
  if (changed.outcome === 'changed') return answerWith(changed.known, room)
  return REFUSALS[changed.outcome]
}

const settingsOf = ({ client }: KnownClient): object => {
  const { source: _, created: _created, secret_digests: _digests, ...settings } = client
  const description = new Map(Object.entries(descriptionOf(settings)))
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !description.has(name)))
}

/** What was read can be sent back: what is only shown is passed over, and lifetimes may be seconds. */
const settable = (body: Body): Body => {
  const { tokens, disabled, ...rest } = body
  return {
    ...Object.fromEntries(Object.entries(rest).filter(([name]) => !SHOWN.has(name))),
    ...(typeof disabled === 'boolean' && { disabled }),
    ...(tokens !== undefined && { tokens: inSeconds(tokens) }),
  }
}

const inSeconds = (tokens: unknown): unknown =>
  typeof tokens !== 'object' || tokens === null || Array.isArray(tokens)
    ? tokens
    : Object.fromEntries(
        Object.entries(tokens).map(([name, value]) => [
          name,
          typeof value === 'number' ? `${value}s` : value,
        ]),
      )

/** What a client that registered itself says of itself, which nobody else changes. */
const descriptionOf = (client: object): object =>
  Object.fromEntries(Object.entries(client).filter(([name]) => DESCRIPTION.has(name)))

const DESCRIPTION: ReadonlySet<string> = new Set([
  ...['logo_uri', 'tos_uri', 'policy_uri', 'contacts'],
  ...['software_id', 'software_version', 'application_type'],
])
const SHOWN: ReadonlySet<string> = new Set([
  ...['source', 'line', 'created', 'secrets', 'last_used', 'own_last_used', 'own_last_route'],
  ...DESCRIPTION,
])

const hasNoSecret = ({
  token_endpoint_auth_method: method,
}: Pick<ClientSettings, 'token_endpoint_auth_method'>) =>
  method === 'none' || method === 'private_key_jwt'

const STAND_IN = 'a secret that it has already'

export const deleteClient = async (
  { params, ifMatch, principal }: Call<unknown>,
  { stores }: ClientRoom,
): Promise<Answer> => {
  const client_id = params.client_id ?? ''
  const known = await stores.clients.read(client_id)
  if (known === undefined) return UNKNOWN
  if (known.client.source === 'file') return OF_THE_FILE
  const who = { ...by(principal), ...removed(settingsOf(known)) }
  const reason = 'deleted by an operator'
  const version = versionIn(ifMatch)
  const gone = await stores.clients.remove(client_id, reason, who, version)
  return gone ? NOTHING : version === undefined ? UNKNOWN : CONFLICT
}

export const rotateSecret = async (
  { params, body, principal }: Call<{ readonly overlap: number }>,
  { stores }: ClientRoom,
): Promise<Answer> => {
  const client_id = params.client_id ?? ''
  const known = await stores.clients.read(client_id)
  if (known === undefined) return UNKNOWN
  if (known.client.source === 'file') return OF_THE_FILE
  const secrets = known.client.secret_digests.length
  const who = {
    ...by(principal),
    before: { secrets },
    after: { secrets: body.overlap > 0 ? 2 : 1 },
  }
  const client_secret = await stores.clients.rotateSecret(client_id, body.overlap, who)
  return client_secret === undefined ? PUBLIC : json(200, { client_id, client_secret })
}

export const disableClient = async (
  { params, body, principal }: Call<{ readonly reason: string }>,
  room: ClientRoom,
): Promise<Answer> => {
  const { clients } = room.stores
  const client_id = params.client_id ?? ''
  await clients.disable(client_id, body.reason, { ...by(principal), ...disabling(body.reason) })
  return answerWith(await clients.read(client_id), room)
}

export const enableClient = async (
  { params, principal }: Call<unknown>,
  room: ClientRoom,
): Promise<Answer> => {
  const { clients } = room.stores
  const client_id = params.client_id ?? ''
  const known = await clients.read(client_id)
  if (known?.disabled?.at === 0) return DISABLED_IN_FILE
  await clients.enable(client_id, { ...by(principal), ...enabling(known?.disabled?.reason) })
  return answerWith(await clients.read(client_id), room)
}

export const answerWith = (known: KnownClient | undefined, { config }: ClientRoom): Answer => {
  if (known === undefined) return UNKNOWN
  const line = config().lines.clients.get(known.client.client_id)
  return json(200, shownClient(known, line), { ETag: etagOf(known) })
}

const FOR_OWNERS = problem(403, 'forbidden', 'introspect and skipConsent take the role owner')
const UNKNOWN = problem(404, 'not_found', 'There is no such client')
const TAKEN = problem(409, 'taken', 'Another client has this client_id')
const CONFLICT = problem(412, 'conflict', 'Somebody has changed it since: read it again')
const OF_THE_FILE = problem(
  409,
  'of_the_file',
  'The configuration file declares it: change it there; here it can be disabled',
)
const DISABLED_IN_FILE = problem(409, 'of_the_file', 'The configuration file disables it')
const PUBLIC = problem(409, 'public', 'It has no secret: a public client, or one that signs')
const DISABLED_ELSEWHERE = problem(400, 'invalid_request', 'A client is disabled by …/disable')
const NO_SECRET_HERE = problem(400, 'invalid_request', 'Secrets are made by …/secret, not given')
const ANOTHER_NAME = problem(400, 'invalid_request', 'A client_id does not change')

const REFUSALS = { conflict: CONFLICT, unknown: UNKNOWN, 'of the file': OF_THE_FILE }
