/** For the log: what a refused redirect URI was nearest to, and where the two part. */
export type RedirectUriDifference = {
  /** As it came, without what may be secret: its query, its fragment, a name and password. */
  readonly given: string
  /** The registered one with the fewest differences. Absent: none is registered. */
  readonly nearest?: string
  /** `scheme`, `host`, `loopback name`, `port`, `trailing slash`, `path`, `query`, `fragment`, `userinfo`, `spelling`. */
  readonly differs: readonly string[]
}

export const redirectUriDifference = (
  given: string,
  registered: readonly string[],
): RedirectUriDifference => {
  const [closest] = registered
    .map((nearest) => ({ nearest, differs: differences(given, nearest) }))
    .toSorted((one, other) => weight(one.differs) - weight(other.differs))
  return { given: withoutSecrets(given), differs: [], ...closest }
}

const differences = (given: string, registered: string): string[] => {
  const [ours, theirs] = [URL.parse(registered), URL.parse(given)]
  if (ours === null || theirs === null) return ['spelling']
  const found = [
    ...(ours.protocol === theirs.protocol ? [] : ['scheme']),
    ...hostDifference(ours.hostname, theirs.hostname),
    ...(ours.port === theirs.port ? [] : ['port']),
    ...pathDifference(ours.pathname, theirs.pathname),
    ...(ours.search === theirs.search ? [] : ['query']),
    ...(given.includes('#') ? ['fragment'] : []),
    ...(theirs.username + theirs.password === '' ? [] : ['userinfo']),
  ]
  // The same to whoever parses them, not character by character.
  return found.length > 0 || given === registered ? found : ['spelling']
}

const hostDifference = (ours: string, theirs: string): string[] => {
  if (ours === theirs) return []
  return LOOPBACK.has(ours) && LOOPBACK.has(theirs) ? ['loopback name'] : ['host']
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

const pathDifference = (ours: string, theirs: string): string[] => {
  if (ours === theirs) return []
  return ours.replace(/\/$/, '') === theirs.replace(/\/$/, '') ? ['trailing slash'] : ['path']
}

const weight = (differs: readonly string[]): number =>
  differs.reduce((sum, what) => sum + (HEAVY.get(what) ?? 1), 0)

const HEAVY = new Map([
  ['host', 4],
  ['path', 3],
  ['scheme', 2],
])

const withoutSecrets = (uri: string): string => {
  const url = URL.parse(uri)
  if (url === null) return '(not a URI)'
  return `${url.protocol}${url.host === '' ? '' : `//${url.host}`}${url.pathname}`.slice(0, 256)
}
