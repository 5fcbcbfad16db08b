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

/** A route that a person could have expected, and what it has not. */
export type RunnerUp = {
  readonly route: RouteSettings
  readonly why: 'precedence' | 'method' | 'host' | 'path' | 'encoded_slash'
}

/** The one that is chosen, or whose place refuses the method; by the table that requests go through. */
export const chosenAmong = (
  routes: readonly RouteSettings[],
  { host, target, method }: Asked,
): RouteSettings | undefined => {
  const found = compileRoutes(routes, (route) => route).match(host, target, method)
  return found === undefined || isRefusal(found) ? undefined : found
}

/**
 * The routes that were not chosen but nearly, at most `MOST`, the nearest first. Each is asked alone, as a table of its own,
 * so that no rule stands here a second time; slowly, so that no request waits for it.
 */
export const runnersUp = async (
  routes: readonly RouteSettings[],
  chosen: RouteSettings | undefined,
  asked: Asked,
): Promise<readonly RunnerUp[]> => {
  const found: RunnerUp[] = []
  for (const [at, route] of routes.entries()) {
    if (at % SLICE === SLICE - 1) await turn()
    const why = route === chosen ? undefined : whyNot(route, asked)
    if (why !== undefined) found.push({ route, why })
  }
  return found
    .toSorted((one, other) => NEAREST.indexOf(one.why) - NEAREST.indexOf(other.why))
    .slice(0, MOST)
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
