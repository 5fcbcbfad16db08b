import * as z from 'zod/mini'
import { json } from './answer.ts'
import { type Operation, operation } from './operation.ts'
import type { Room } from './room.ts'

const key = z.strictObject({
  /** Two bytes in hexadecimal, as access tokens carry it. */
  kid: z.string(),
  /** The first of `secret:` does; all verify. */
  mints: z.boolean(),
})

/** The keys behind `secret:`, by their ids alone. */
export const keyOperations = ({ stores }: Pick<Room, 'stores'>): readonly Operation[] => [
  operation({
    id: 'listKeys',
    tag: 'keys',
    method: 'GET',
    path: '/api/v1/keys',
    role: 'viewer',
    summary: 'Ids of the keys that mint and verify, in the order of the configuration',
    answers: {
      200: { description: 'All keys', schema: z.strictObject({ items: z.array(key) }) },
    },
    run: () =>
      json(200, { items: stores.secrets.keyIds().map((kid, at) => ({ kid, mints: at === 0 })) }),
  }),
]
