import { setImmediate as turn } from 'node:timers/promises'
import type { RouteSettings } from '../config/config.ts'
import { isRefusal } from './refusal.ts'
import type { RequestTarget } from './request-target.ts'
import { compileRoutes } from './routes.ts'

/** A request as routes are compared with it. */
export type Asked = {
  readonly host: string | undefined
  readonly target: RequestTarget
  readonly method: string
}

/** A route that a person could have expected, and what it has not; `precedence`: nothing, but another goes first. */
export type RunnerUp = {
  readonly route: RouteSettings
  readonly why: 'precedence' | 'method' | 'host' | 'path' | 'encoded_slash'
}

/**
 * The route that is chosen, and those that were not but nearly, at most `MOST`, the nearest first. Each is asked alone, as a
 * table of its own, so that no rule stands here a second time; slowly, so that no request waits for it.
 */
export const compareRoutes = async (
  routes: readonly RouteSettings[],
  asked: Asked,
): Promise<{ readonly chosen?: RouteSettings; readonly others: readonly RunnerUp[] }> => {
  const near: RunnerUp[] = []
  for (const [at, route] of routes.entries()) {
    if (at % SLICE === SLICE - 1) await turn()
    const why = whyNot(route, asked)
    if (why !== undefined) near.push({ route, why })
  }
  const chosen = chosenAmong(
    near.filter(({ why }) => why !== 'host' && why !== 'path').map(({ route }) => route),
    asked,
  )
  const others = near
    .filter(({ route }) => route !== chosen)
    .toSorted((one, other) => NEAREST.indexOf(one.why) - NEAREST.indexOf(other.why))
    .slice(0, MOST)
  return { ...(chosen && { chosen }), others }
}

/** By the table that requests go through; what does not match by itself has no say in it. */
const chosenAmong = (
  routes: readonly RouteSettings[],
  { host, target, method }: Asked,
): RouteSettings | undefined => {
  const found = compileRoutes(routes, (route) => route).match(host, target, method)
  return found === undefined || isRefusal(found) ? undefined : found
}

const whyNot = (route: RouteSettings, asked: Asked): RunnerUp['why'] | undefined => {
  const { host, target, method } = asked
  const found = compileRoutes([route], (alone) => alone).match(host, target, method)
  if (found !== undefined) {
    if (!isRefusal(found)) return 'precedence'
    return found.reason === 'method' ? 'method' : 'encoded_slash'
  }
  if (route.host !== undefined && matchesPath(route, asked)) return 'host'
  return isAlike(route, asked) ? 'path' : undefined
}

const matchesPath = ({ host: _, ...anywhere }: RouteSettings, { target, method }: Asked): boolean =>
  compileRoutes([anywhere], (alone) => alone).match(undefined, target, method) !== undefined

/** A mistake away: another case, a slash at the end, a path below an exact one, or the same first segment. */
const isAlike = ({ path }: RouteSettings, { target }: Asked): boolean =>
  firstSegment(path) === firstSegment(target.key)

const firstSegment = (path: string): string => (path.split('/')[1] ?? '').toLowerCase()

const NEAREST: readonly RunnerUp['why'][] = [
  'precedence',
  'encoded_slash',
  'method',
  'host',
  'path',
]
const MOST = 10
const SLICE = 100
