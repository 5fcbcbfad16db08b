import * as z from 'zod/mini'
import { judgeClient } from '../config/judge-client.ts'
import type { Client, StoredClient } from '../store/clients.ts'
import { digest } from '../store/secrets.ts'
import { json } from './answer.ts'
import type { ClientRoom } from './client-changes.ts'
import { asPage, pageOf, paging } from './list-query.ts'
import { type Operation, operation } from './operation.ts'
import { by, type Principal } from './principal.ts'

const DIGEST = /^[\w-]{43}$/

/** A client on its way to another gateway: the keys of the file, and its secrets as digests. */
const carried = z.looseObject({
  client_id: z.string(),
  secret_digests: z.exactOptional(z.array(z.string().check(z.regex(DIGEST, 'is no SHA-256')))),
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
    async run({ query }) {
      const { clients, cursor } = await room.stores.clients.list(query)
      const ours = clients.filter(({ client }) => client.source === 'operator')
      return json(
        200,
        asPage(
          ours.map(({ client }) => carry(client)),
          cursor,
        ),
      )
    },
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

const carry = ({ source: _, created: _created, tokens, ...client }: Client) => ({
  ...client,
  secret_digests: [...client.secret_digests],
  tokens: Object.fromEntries(Object.entries(tokens).map(([name, value]) => [name, `${value}s`])),
})

const take = async (
  { secret_digests = [], ...given }: z.output<typeof carried>,
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
  const { client_secret, disabled: _, ...settings } = judged.client
  const secrets = [
    ...secret_digests.map((known) => ({ digest: known })),
    ...('client_secret' in given ? [client_secret ?? []].flat() : []).map((value) => ({
      digest: digest(value),
    })),
  ]
  const client: StoredClient = { ...settings, source: 'operator', created: clock(), secrets }
  const created = await stores.clients.create(client, by(principal))
  return { client_id, outcome: created ? 'created' : 'taken' }
}
