/** What let requests through, as far as its use is told. One object a route of a configuration, told apart by identity. */
export type UsedRoute = {
  /** As configured. */
  readonly path: string
  /** Scopes that it asks for: all of them, or any. */
  readonly scopes: readonly string[]
}

/** In memory, one for all tokens whose use is told together. Who uses a token notes it here, and that is all. */
export type NotedUse = {
  /** Seconds since the epoch; 0: not yet. */
  at: number
  /** What was used then, and the scopes of the token that it was used with. */
  route: UsedRoute
  scope: readonly string[]
  /** Scopes that were used before it was the turn of `route`. */
  former: readonly UsedScope[]
}

type UsedScope = { readonly scope: string; at: number }

/** Nobody has used it yet. */
export const unused = (): NotedUse => ({ at: 0, route: NOWHERE, scope: NONE, former: NONE })

/**
 * A request was let through by `route` with a token that has `scope`. Once a request, so that it does next to nothing unless
 * the route is another one than the last time, and allocates nothing then, either, for scopes that had their turn before.
 */
export const noteUse = (
  use: NotedUse,
  at: number,
  route: UsedRoute,
  scope: readonly string[],
): void => {
  if (use.route !== route || use.scope !== scope) turn(use, route, scope)
  use.at = at
}

const turn = (use: NotedUse, route: UsedRoute, scope: readonly string[]): void => {
  for (const name of use.route.scopes) if (use.scope.includes(name)) keep(use, name)
  use.route = route
  use.scope = scope
}

const keep = (use: NotedUse, scope: string): void => {
  for (const known of use.former) {
    if (known.scope !== scope) continue
    if (use.at > known.at) known.at = use.at
    return
  }
  use.former = [...use.former, { scope, at: use.at }]
}

/**
 * When each scope was last used (seconds). A scope is used by a request that a route which asks for it let through: where a
 * route asks for one of several, those of them that the token had.
 */
export const usedScopes = ({ at, route, scope, former }: NotedUse): ReadonlyMap<string, number> => {
  const all = new Map(former.map((known) => [known.scope, known.at]))
  for (const name of route.scopes)
    if (scope.includes(name)) all.set(name, Math.max(at, all.get(name) ?? 0))
  return all
}

/** Those of `scopes` need not be kept any more, as they were then. */
export const forgetScopes = (use: NotedUse, scopes: ReadonlyMap<string, number>): void => {
  if (use.former.length > 0)
    use.former = use.former.filter(({ scope, at }) => at > (scopes.get(scope) ?? 0))
}

const NONE: readonly never[] = []
const NOWHERE: UsedRoute = { path: '', scopes: NONE }
