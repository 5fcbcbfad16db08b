import * as z from 'zod/mini'
import { judgeClient } from '../config/judge-client.ts'
import type { KnownClient } from '../store/client-registry.ts'
import type { StoredClient } from '../store/clients.ts'
import { fillPage } from '../store/fill-page.ts'
import { digest } from '../store/secrets.ts'
import { json } from './answer.ts'
import { added } from './changes.ts'
import type { ClientRoom } from './client-changes.ts'
import { asPage, pageOf, paging } from './list-query.ts'
import { type Operation, operation } from './operation.ts'
import { by, type Principal } from './principal.ts'

const sha256 = z.string().check(z.regex(/^[\w-]{43}$/, 'is no SHA-256'))

/** A client on its way to another gateway: the keys of the file, and its secrets as digests. */
const carried = z.looseObject({
  client_id: z.string(),
  secret_digests: z.exactOptional(z.array(sha256)),
  /** Those that are good until then (seconds since the epoch) beside the others. */
  former_secrets: z.exactOptional(
    z.array(z.strictObject({ digest: sha256, until: z.number() })).check(z.maxLength(5)),
  ),
  disabled: z.exactOptional(
    z.looseObject({ reason: z.string().check(z.minLength(1), z.maxLength(200)) }),
  ),
})

const outcome = z.strictObject({
  client_id: z.string(),
  outcome: z.enum(['created', 'taken', 'invalid']),
  problem: z.exactOptional(z.string()),
})

/** Clients that move between gateways, or come from another system. */
export const transferOperations = (room: ClientRoom): readonly Operation[] => [
  operation({
    id: 'exportClients',
    tag: 'clients',
    method: 'GET',
    path: '/api/v1/clients/export',
    role: 'owner',
    summary: 'Clients of run time with the digests of their secrets, for import',
    query: paging,
    answers: { 200: { description: 'A page of clients', schema: pageOf(carried) } },
    run: async ({ query }) => json(200, await exported(query, room)),
  }),
  operation({
    id: 'importClients',
    tag: 'clients',
    method: 'POST',
    path: '/api/v1/clients/import',
    role: 'owner',
    summary:
      'Makes clients, each with the digests of its secrets or a client_secret. One that is wrong or taken stops none of the others',
    body: z.strictObject({ clients: z.array(carried).check(z.maxLength(500)) }),
    maxBody: 4_194_304,
    answers: {
      200: {
        description: 'What became of each',
        schema: z.strictObject({ items: z.array(outcome) }),
      },
    },
    async run({ body, principal }) {
      const items: z.output<typeof outcome>[] = []
      for (const client of body.clients) items.push(await take(client, principal, room))
      return json(200, { items })
    },
  }),
]

const exported = async (
  { limit, cursor }: { readonly limit: number; readonly cursor?: string },
  { stores, clock }: ClientRoom,
) => {
  const page = await fillPage({ limit, cursor, picky: true }, async (at = '0', most) => {
    const { clients, cursor: next } = await stores.clients.list({ cursor: at, limit: most })
    return { items: clients.filter(({ client }) => client.source === 'operator'), cursor: next }
  })
  return asPage(
    page.items.map((known) => carry(known, clock())),
    page.cursor,
  )
}

const carry = ({ client, secrets = [], disabled }: KnownClient, now: number) => {
  const { source: _, created: _created, secret_digests: _digests, tokens, ...settings } = client
  const former = secrets.flatMap(({ digest: known, until = 0 }) =>
    until > now ? [{ digest: known, until }] : [],
  )
  return {
    ...settings,
    secret_digests: secrets.filter(({ until }) => until === undefined).map((one) => one.digest),
    ...(former.length > 0 && { former_secrets: former }),
    ...(disabled && { disabled: { reason: disabled.reason } }),
    tokens: Object.fromEntries(Object.entries(tokens).map(([name, value]) => [name, `${value}s`])),
  }
}

const take = async (
  { secret_digests = [], former_secrets = [], disabled, ...given }: z.output<typeof carried>,
  principal: Principal,
  { stores, config, clock }: ClientRoom,
): Promise<z.output<typeof outcome>> => {
  const { client_id } = given
  // The rules need to know that it has one.
  const standIn = secret_digests.length > 0 ? { client_secret: 'known by its digest' } : {}
  const judged = judgeClient({ ...standIn, ...given }, config())
  if ('findings' in judged) {
    const [first] = judged.findings
    return { client_id, outcome: 'invalid', problem: `${first?.path.join('.')} ${first?.message}` }
  }
  const { client_secret, disabled: _disabled, ...settings } = judged.client
  const secrets = [
    ...secret_digests.map((known) => ({ digest: known })),
    ...former_secrets,
    ...('client_secret' in given ? [client_secret ?? []].flat() : []).map((value) => ({
      digest: digest(value),
    })),
  ]
  const client: StoredClient = { ...settings, source: 'operator', created: clock(), secrets }
  const who = by(principal)
  const created = await stores.clients.create(client, { ...who, ...added(settings) })
  if (created && disabled) await stores.clients.disable(client_id, disabled.reason, who)
  return { client_id, outcome: created ? 'created' : 'taken' }
}
