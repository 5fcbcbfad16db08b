import type { Config } from '../config/config.ts'
import { protectedResources } from '../config/protected-resource.ts'
import { invalidTarget } from './errors.ts'

/**
 * The protected resources that a request names (RFC 8707 §2), as their metadata spells them. A resource is taken for the
 * same with and without a slash at its end and in any case of scheme and host. Throws `invalid_target` for others.
 */
export const requestedResource = (
  values: readonly string[],
  config: Pick<Config, 'issuer' | 'routes'>,
): readonly string[] => {
  if (values.length === 0) return []
  const known = [...protectedResources(config).values()].map(({ resource }) => resource)
  const spelled = new Map(known.map((resource) => [comparable(resource), resource]))
  const named = values.map((value) => spelled.get(comparable(value)))
  const resources = named.filter((resource) => resource !== undefined)
  if (resources.length < named.length)
    throw invalidTarget('resource names none that is protected here')
  return [...new Set(resources)]
}

/** The resources that a token is asked for out of those of its grant; all of them when none is named. */
export const narrowedResource = (
  values: readonly string[],
  granted: readonly string[],
  config: Pick<Config, 'issuer' | 'routes'>,
): readonly string[] => {
  const resources = requestedResource(values, config)
  if (resources.length === 0) return granted
  const within = granted.length === 0 || resources.every((resource) => granted.includes(resource))
  if (!within) throw invalidTarget('resource was not asked for when access was allowed')
  return resources
}

/** Undefined for what is not an absolute URI or has a fragment: no resource has this key. */
const comparable = (uri: string): string | undefined =>
  uri.includes('#') ? undefined : URL.parse(uri)?.href.replace(/\/$/, '')
