import * as z from 'zod/mini'
import { json, NOTHING, problem } from './answer.ts'
import { added } from './changes.ts'
import { asPage, pageOf, paging } from './list-query.ts'
import { type Operation, operation } from './operation.ts'
import { by } from './principal.ts'
import type { Room } from './room.ts'

const token = z.strictObject({
  id: z.string(),
  note: z.string(),
  created: z.number(),
  expires: z.number(),
  left: z.exactOptional(z.number()),
})

/** Initial access tokens (RFC 7591 §3), for `registration: token`. */
export const registrationTokenOperations = (room: Pick<Room, 'stores'>): readonly Operation[] => [
  operation({
    id: 'listRegistrationTokens',
    tag: 'registration',
    method: 'GET',
    path: '/api/v1/registration-tokens',
    role: 'viewer',
    summary: 'Initial access tokens that are good, without their values',
    query: paging,
    answers: { 200: { description: 'A page of tokens', schema: pageOf(token) } },
    async run({ query }) {
      const { tokens, cursor } = await room.stores.registrationTokens.list(query)
      return json(200, asPage(tokens, cursor))
    },
  }),
  operation({
    id: 'createRegistrationToken',
    tag: 'registration',
    method: 'POST',
    path: '/api/v1/registration-tokens',
    role: 'owner',
    summary:
      'A new initial access token, shown this once: good for `lifetime` seconds and so many `uses`',
    body: z.strictObject({
      note: z.string().check(z.minLength(1), z.maxLength(200)),
      lifetime: z._default(z.number().check(z.int(), z.minimum(60), z.maximum(31_536_000)), 86_400),
      uses: z.exactOptional(z.number().check(z.int(), z.minimum(1), z.maximum(1_000_000))),
    }),
    answers: {
      201: {
        description: 'The token',
        schema: z.extend(token, { initial_access_token: z.string() }),
      },
    },
    async run({ body, principal }) {
      const minted = await room.stores.registrationTokens.mint(body, {
        ...by(principal),
        ...added(body),
      })
      return json(201, { ...minted.token, initial_access_token: minted.value })
    },
  }),
  operation({
    id: 'withdrawRegistrationToken',
    tag: 'registration',
    method: 'DELETE',
    path: '/api/v1/registration-tokens/{id}',
    role: 'owner',
    summary: 'Withdraws an initial access token; what was registered with it stays',
    answers: { 204: { description: 'It is good no more' } },
    async run({ params, principal }) {
      const known = await room.stores.registrationTokens.withdraw(params.id ?? '', by(principal))
      return known ? NOTHING : UNKNOWN
    },
  }),
]

const UNKNOWN = problem(404, 'not_found', 'There is no such token')
