import * as z from 'zod/mini'
import type { KnownAccount } from '../store/account-row.ts'
import {
  type AccountRoom,
  answerWithAccount,
  changeAccount,
  createAccount,
  disableAccount,
  enableAccount,
  removeAccount,
  setAccountPassword,
} from './account-changes.ts'
import { json } from './answer.ts'
import { pageOf, registryPaging } from './list-query.ts'
import { type Operation, operation } from './operation.ts'
import { registryPage } from './registry-page.ts'
import { accountShape, shownAccount } from './shown-account.ts'

/** People: those of the file to be read, those of run time to be changed. */
export const accountOperations = (room: AccountRoom): readonly Operation[] => [
  operation({
    id: 'listAccounts',
    tag: 'accounts',
    method: 'GET',
    path: ACCOUNTS,
    role: 'viewer',
    summary: 'Accounts: those of the file by sub, then the others, oldest first',
    query: { ...registryPaging, search: z.exactOptional(z.string().check(z.maxLength(200))) },
    answers: { 200: { description: 'A page of accounts', schema: pageOf(accountShape) } },
    run: async ({ query }) => json(200, await listAccounts(query, room)),
  }),
  operation({
    id: 'createAccount',
    tag: 'accounts',
    method: 'POST',
    path: ACCOUNTS,
    role: 'owner',
    summary: 'A new account. Its password is hashed here, and never shown',
    body: z.looseObject({ username: z.string(), password: z.string() }),
    answers: { 201: { description: 'The account', schema: accountShape } },
    run: ({ body, principal }) => createAccount(body, principal, room),
  }),
  operation({
    id: 'getAccount',
    tag: 'accounts',
    method: 'GET',
    path: ACCOUNT,
    role: 'viewer',
    summary: 'One account. The ETag is for changing it',
    answers: { 200: { description: 'The account', schema: accountShape } },
    run: async ({ params }) =>
      answerWithAccount(await room.stores.accounts.read(params.sub ?? ''), room),
  }),
  operation({
    id: 'changeAccount',
    tag: 'accounts',
    method: 'PATCH',
    path: ACCOUNT,
    role: 'owner',
    summary: 'Changes what is given; null takes a value away',
    conditional: true,
    body: z.strictObject({
      username: z.exactOptional(z.string()),
      name: z.exactOptional(z.nullable(z.string())),
      email: z.exactOptional(z.nullable(z.string())),
      scope: z.exactOptional(z.nullable(z.string())),
      grantValues: z.exactOptional(z.nullable(z.record(z.string(), z.unknown()))),
      admin: z.exactOptional(z.nullable(z.enum(['viewer', 'operator', 'owner']))),
    }),
    answers: { 200: { description: 'The account as it is now', schema: accountShape } },
    run: (call) => changeAccount(call, room),
  }),
  operation({
    id: 'deleteAccount',
    tag: 'accounts',
    method: 'DELETE',
    path: ACCOUNT,
    role: 'owner',
    summary: 'Deletes an account; everything that it gave ends at once',
    conditional: true,
    answers: { 204: { description: 'It is gone' } },
    run: (call) => removeAccount(call, room),
  }),
  operation({
    id: 'setAccountPassword',
    tag: 'accounts',
    method: 'POST',
    path: `${ACCOUNT}/password`,
    role: 'owner',
    summary: 'Another password; what was given under the former one, and every session, ends',
    body: z.strictObject({ password: z.string() }),
    answers: { 204: { description: 'It is in force' } },
    run: (call) => setAccountPassword(call, room),
  }),
  operation({
    id: 'disableAccount',
    tag: 'accounts',
    method: 'POST',
    path: `${ACCOUNT}/disable`,
    role: 'operator',
    summary: 'Refuses an account everywhere from now on, and ends what it gave',
    body: z.strictObject({ reason: z.string().check(z.minLength(1), z.maxLength(200)) }),
    answers: { 200: { description: 'The account as it is now', schema: accountShape } },
    run: (call) => disableAccount(call, room),
  }),
  operation({
    id: 'enableAccount',
    tag: 'accounts',
    method: 'POST',
    path: `${ACCOUNT}/enable`,
    role: 'operator',
    summary: 'Lets a disabled account sign in again; what it had given stays over',
    answers: { 200: { description: 'The account as it is now', schema: accountShape } },
    run: (call) => enableAccount(call, room),
  }),
]

const ACCOUNTS = '/api/v1/accounts'
const ACCOUNT = '/api/v1/accounts/{sub}'

type ListQuery = { readonly limit: number; readonly cursor?: string; readonly search?: string }

export const listAccounts = async (query: ListQuery, { stores, config }: AccountRoom) => {
  const { items, ...rest } = await registryPage(query, {
    ofFile: async () =>
      (await stores.accounts.list({ limit: 1 })).accounts.filter(({ source }) => source === 'file'),
    nameOf: ({ sub }) => sub,
    async stored(cursor, limit) {
      const { accounts, cursor: next } = await stores.accounts.list({ cursor, limit })
      return { items: accounts, cursor: next }
    },
    fits: fitting(query),
  })
  const lines = config().lines.accounts
  return {
    items: items.map((known) =>
      shownAccount(known, known.source === 'file' ? lines.get(known.username) : undefined),
    ),
    ...rest,
  }
}

const fitting = ({ search }: ListQuery) => {
  if (search === undefined) return undefined
  const wanted = search.toLowerCase()
  return ({ username, name, email, sub }: KnownAccount): boolean =>
    [username, name, email, sub].some((text) => text?.toLowerCase().includes(wanted))
}
