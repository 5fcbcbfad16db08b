import * as z from 'zod/mini'
import type { RouteSettings } from '../config/config.ts'
import type { Client } from '../store/clients.ts'
import { StoreUnavailable } from '../store/store.ts'
import { json } from './answer.ts'
import { type Operation, operation } from './operation.ts'
import type { Room } from './room.ts'

const scope = z.strictObject({
  scope: z.string(),
  description: z.string(),
  /** Paths that ask for it. */
  routes: z.array(z.string()),
  /** Clients that may ask for it by name, disabled ones too. */
  clients: z.array(z.string()),
})

const answer = z.strictObject({
  items: z.array(scope),
  /** Clients that are not limited to scopes by name, and so may ask for every one. */
  unrestricted: z.array(z.string()),
  /** True: there are others. Of the clients of run time the oldest 500 were looked at, or none while the store was away. */
  more: z.boolean(),
})

type ScopeRoom = Pick<Room, 'config' | 'stores'>

/** The scopes of the configuration, and what hangs on each. */
export const scopeOperations = (room: ScopeRoom): readonly Operation[] => [
  operation({
    id: 'listScopes',
    tag: 'scopes',
    method: 'GET',
    path: '/api/v1/scopes',
    role: 'viewer',
    summary: 'Every scope that can be granted, with the routes and the clients that ask for it',
    answers: { 200: { description: 'All scopes', schema: answer } },
    run: async () => json(200, await listScopes(room)),
  }),
]

/** Of all clients, whatever their source; a bounded number of them. */
export const listScopes = async (room: ScopeRoom): Promise<z.output<typeof answer>> => {
  const { clients, more } = await someClients(room)
  const { scopes, routes } = room.config()
  const named = new Map<string, string[]>()
  const unrestricted: string[] = []
  for (const { client_id, scope } of clients) {
    if (scope === undefined) unrestricted.push(client_id)
    for (const name of scope?.split(' ') ?? []) {
      const names = named.get(name)
      if (names === undefined) named.set(name, [client_id])
      else names.push(client_id)
    }
  }
  const items = Array.from(scopes, ([name, description]) => ({
    scope: name,
    description,
    routes: pathsThatAsk(routes, name),
    clients: named.get(name) ?? [],
  }))
  return { items, unrestricted, more }
}

type SomeClients = {
  readonly clients: readonly Pick<Client, 'client_id' | 'scope'>[]
  readonly more: boolean
}

const someClients = async ({ config, stores }: ScopeRoom): Promise<SomeClients> => {
  try {
    const { clients, cursor } = await stores.clients.list({ limit: MOST_CLIENTS })
    return { clients: clients.map(({ client }) => client), more: cursor !== undefined }
  } catch (cause) {
    if (!(cause instanceof StoreUnavailable)) throw cause
    return { clients: config().clients, more: true }
  }
}

/** Each once, though its methods may be routes of their own. */
const pathsThatAsk = (routes: readonly RouteSettings[], name: string): string[] => [
  ...new Set(
    routes.filter(({ scope: rule }) => rule?.scopes.includes(name)).map(({ path }) => path),
  ),
]

/** Of run time, beside those of the file. */
const MOST_CLIENTS = 500
