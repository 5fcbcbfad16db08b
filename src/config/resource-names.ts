import { type ProtectedResource, protectedResources } from './protected-resource.ts'

type Resources = Parameters<typeof protectedResources>[0]

/**
 * Names every protected resource as its metadata spells it, whoever writes it with another case of scheme and host, the
 * scheme's own port, or a slash at the end (RFC 3986 §6.2). Undefined for what is none: RFC 8707 §2 wants an absolute URI
 * without a fragment.
 */
export const resourceNames = (config: Resources): ((uri: string) => string | undefined) => {
  const resources: Iterable<ProtectedResource> = protectedResources(config).values()
  const spelled = new Map(
    Array.from(resources, ({ resource }) => [comparable(resource), resource] as const),
  )
  return (uri) => spelled.get(comparable(uri))
}

/** Undefined for what is no such URI: no resource has this key. */
const comparable = (uri: string): string | undefined =>
  ABSOLUTE.test(uri) ? URL.parse(uri)?.href.replace(/\/$/, '') : undefined

// What a URL parser would make good (white space, backslashes, a missing slash) is not as it should be.
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\/[^/\\#\s][^\\#\s]*$/i
