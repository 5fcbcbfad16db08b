import * as z from 'zod/mini'
import type { RouteSettings } from '../config/config.ts'
import { json } from './answer.ts'
import { type Operation, operation } from './operation.ts'
import type { LiveTarget, Room } from './room.ts'

const target = z.strictObject({
  target: z.string(),
  up: z.boolean(),
  inFlight: z.number(),
  retries: z.number(),
  ejections: z.number(),
})

const route = z.strictObject({
  path: z.string(),
  host: z.exactOptional(z.string()),
  methods: z.exactOptional(z.array(z.string())),
  access: z.enum(['token', 'public', 'optional']),
  scope: z.exactOptional(
    z.strictObject({ mode: z.enum(['all', 'any']), scopes: z.array(z.string()) }),
  ),
  upstream: z.string(),
  targets: z.array(target),
})

/** The routes in force, each with how its targets are at this moment. */
export const routeOperations = (room: Pick<Room, 'config' | 'targets'>): readonly Operation[] => [
  operation({
    id: 'listRoutes',
    tag: 'routes',
    method: 'GET',
    path: '/api/v1/routes',
    role: 'viewer',
    summary: 'Every route, with the live health of where it leads',
    answers: {
      200: { description: 'All routes', schema: z.strictObject({ items: z.array(route) }) },
    },
    run: async () => json(200, { items: await liveRoutes(room) }),
  }),
]

export const liveRoutes = async ({ config, targets }: Pick<Room, 'config' | 'targets'>) => {
  const live = Map.groupBy(await targets(), ({ upstream }) => upstream)
  return config().routes.map((each) => described(each, live.get(each.upstream) ?? []))
}

const described = (each: RouteSettings, live: readonly LiveTarget[]) => ({
  path: each.path,
  ...(each.host !== undefined && { host: each.host }),
  ...(each.methods !== undefined && { methods: each.methods }),
  access: each.access,
  ...(each.scope !== undefined && { scope: each.scope }),
  upstream: each.upstream,
  targets: live.map(({ upstream: _, ...rest }) => rest),
})
