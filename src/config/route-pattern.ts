/** The path of a route, taken apart at its slashes. */
export type RoutePattern = {
  /** Keys of the literal segments, in order; undefined: a parameter. `/` has one, the empty one; `/*` has none. */
  readonly segments: readonly (string | undefined)[]
  /** The place of each parameter among the segments. */
  readonly parameters: ReadonlyMap<string, number>
  /** It ends in `/*`: whatever follows the segments belongs to it, nothing too. */
  readonly open: boolean
}

/** `/t/:tenant/orders/*`. A parameter is one whole segment that is not empty. */
export const routePattern = (path: string): RoutePattern => {
  const open = path.endsWith('/*')
  const written = (open ? path.slice(0, -2) : path).split('/').slice(1)
  const names = written.map(parameterName)
  return {
    segments: written.map((segment, at) =>
      names[at] === undefined ? configuredKey(segment) : undefined,
    ),
    parameters: new Map(names.flatMap((name, at) => (name === undefined ? [] : [[name, at]]))),
    open,
  }
}

/** `tenant` of `:tenant`; undefined for a literal segment. */
export const parameterName = (segment: string): string | undefined => PARAMETER.exec(segment)?.[1]

const PARAMETER = /^:([A-Za-z_][A-Za-z0-9_]{0,63})$/

/** The same for patterns that the same requests match: names of parameters do not tell them apart. */
export const patternKey = ({ segments, open }: RoutePattern): string =>
  JSON.stringify([segments, open])

/** A path as routes compare it: escapes undone byte by byte, `%2F` kept (in capitals), as it is no separator to all. */
export const routeKey = (path: string): string =>
  path.replace(/%([0-9a-f]{2})/gi, (triplet, hex: string) =>
    hex.toLowerCase() === '2f'
      ? triplet.toUpperCase()
      : String.fromCharCode(Number.parseInt(hex, 16)),
  )

// A configured path may hold characters that only arrive as escapes of their UTF-8.
const configuredKey = (path: string): string => routeKey(Buffer.from(path).toString('latin1'))
