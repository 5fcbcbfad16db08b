/** For the log and for `explain`: what a refused redirect URI was nearest to, and where the two part. */
export type RedirectUriDifference = {
  /** As it came, without what may be secret: its query, its fragment, a name and password. */
  readonly given: string
  /** The registered one with the fewest differences. Absent: none is registered. */
  readonly nearest?: string
  /**
   * `scheme`, `host`, `loopback name`, `port`, `trailing slash`, `letter case`, `path`, `query`, `fragment`, `userinfo`,
   * `spelling`.
   */
  readonly differs: readonly string[]
}

/** `public`: of a client that may use any port of its loopback addresses, so that a port is no difference. */
export const redirectUriDifference = (
  given: string,
  client: { readonly redirect_uris: readonly string[]; readonly public: boolean },
): RedirectUriDifference => {
  const [closest] = client.redirect_uris
    .map((nearest) => ({ nearest, differs: differences(given, nearest, client.public) }))
    .toSorted((one, other) => weight(one.differs) - weight(other.differs))
  return { given: withoutSecrets(given), differs: [], ...closest }
}

const differences = (given: string, registered: string, anyPort: boolean): string[] => {
  const [ours, theirs] = [URL.parse(registered), URL.parse(given)]
  if (ours === null || theirs === null) return ['spelling']
  const portIsFree = anyPort && LOOPBACK.has(ours.hostname) && LOOPBACK.has(theirs.hostname)
  const found = [
    ...(ours.protocol === theirs.protocol ? [] : ['scheme']),
    ...hostDifference(ours.hostname, theirs.hostname),
    ...(ours.port === theirs.port || portIsFree ? [] : ['port']),
    ...pathDifference(ours.pathname, theirs.pathname),
    ...(ours.search === theirs.search ? [] : ['query']),
    ...(given.includes('#') ? ['fragment'] : []),
    ...(theirs.username + theirs.password === '' ? [] : ['userinfo']),
  ]
  if (found.length > 0 || given === registered) return found
  // The same to whoever parses them, not character by character.
  return [given.toLowerCase() === registered.toLowerCase() ? 'letter case' : 'spelling']
}

const hostDifference = (ours: string, theirs: string): string[] => {
  if (ours === theirs) return []
  return LOOPBACK.has(ours) && LOOPBACK.has(theirs) ? ['loopback name'] : ['host']
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

const pathDifference = (ours: string, theirs: string): string[] => {
  if (ours === theirs) return []
  if (ours.replace(/\/$/, '') === theirs.replace(/\/$/, '')) return ['trailing slash']
  return [ours.toLowerCase() === theirs.toLowerCase() ? 'letter case' : 'path']
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
