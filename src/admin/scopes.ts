import * as z from 'zod/mini'
import type { RouteSettings } from '../config/config.ts'
import { json } from './answer.ts'
import { type Operation, operation } from './operation.ts'
import type { Room } from './room.ts'

const scope = z.strictObject({
  scope: z.string(),
  description: z.string(),
  /** Paths that ask for it. */
  routes: z.array(z.string()),
  /** Clients of the file that may ask for it by name. */
  clients: z.array(z.string()),
})

/** The scopes of the configuration, and what hangs on each. */
export const scopeOperations = ({ config }: Pick<Room, 'config'>): readonly Operation[] => [
  operation({
    id: 'listScopes',
    tag: 'scopes',
    method: 'GET',
    path: '/api/v1/scopes',
    role: 'viewer',
    summary: 'Every scope that can be granted, with the routes that ask for it',
    answers: {
      200: { description: 'All scopes', schema: z.strictObject({ items: z.array(scope) }) },
    },
    run: () => json(200, { items: scopesOf(config()) }),
  }),
]

export const scopesOf = ({ scopes, routes, clients }: ReturnType<Room['config']>) =>
  Array.from(scopes, ([name, description]) => ({
    scope: name,
    description,
    routes: routes.filter((route) => asksFor(route, name)).map(({ path }) => path),
    clients: clients
      .filter((client) => client.scope?.split(' ').includes(name))
      .map(({ client_id }) => client_id),
  }))

const asksFor = ({ scope: rule }: RouteSettings, name: string): boolean =>
  rule?.scopes.includes(name) ?? false
