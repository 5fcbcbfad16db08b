import type { RouteSettings } from '../config/config.ts'
import { parameterName, routePattern } from '../config/route-pattern.ts'

/** Makes the path to send of a path that came and that the route matches; undefined where it cannot be told for sure. */
export type Rewrite = (path: string) => string | undefined

/** What a route sends: the path as it came; less `stripPrefix`; or what `rewrite` says. */
export const createRewrite = (
  route: Pick<RouteSettings, 'path' | 'stripPrefix' | 'rewrite'>,
): Rewrite => {
  if (route.rewrite !== undefined) return byTemplate(route.path, route.rewrite)
  const prefix = route.stripPrefix?.replace(/\/$/, '') ?? ''
  return prefix === '' ? (path) => path : withoutPrefix(prefix)
}

// Undefined: the prefix is spelled in another way.
const withoutPrefix =
  (prefix: string): Rewrite =>
  (path) => {
    if (path === prefix) return '/'
    return path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : undefined
  }

/**
 * The literals of the template as they are, parameters encoded, and in place of `*` what followed, byte for byte. The path is
 * cut at its slashes alone, so it does not matter how the rest of it was spelled.
 */
const byTemplate = (path: string, template: string): Rewrite => {
  const { parameters, segments, open } = routePattern(path)
  const parts = template
    .replace(/\/\*$/, '')
    .split('/')
    .slice(1)
    .map((segment) => parameters.get(parameterName(segment) ?? '') ?? segment)
  const last = Math.max(0, ...parameters.values()) + 1
  const depth = open ? segments.length : last
  const values = [...parameters.values()]
  return (came) => {
    const ends = segmentEnds(came, depth)
    const valueAt = (at: number) => came.slice((ends[at] ?? 0) + 1, ends[at + 1])
    if (values.some((at) => ENCODED_SLASH.test(valueAt(at)))) return undefined
    let sent = ''
    for (const part of parts) sent += `/${typeof part === 'string' ? part : encoded(valueAt(part))}`
    return (open ? sent + came.slice(ends[depth]) : sent) || '/'
  }
}

/** Where the first segments end; 0 for none. */
const segmentEnds = (path: string, count: number): readonly number[] => {
  const ends = [0]
  for (let at = 1; at <= count; at++) {
    const slash = path.indexOf('/', (ends[at - 1] ?? 0) + 1)
    ends.push(slash < 0 ? path.length : slash)
  }
  return ends
}

/** A segment as a value: all but letters, digits and marks encoded, so that it is nothing else wherever it is put. */
const encoded = (segment: string): string => encodeURIComponent(decodeURIComponent(segment))

// It would stay one, but it is a separator to many an upstream, and the value would be two segments there.
const ENCODED_SLASH = /%2f/i
