import type { ClientSettings, Config } from '../config/config.ts'
import { resourceNames } from '../config/resource-names.ts'
import { invalidTarget } from './errors.ts'

/** May stand several times in a request (RFC 8707 §2), unlike every other parameter. */
export const REPEATABLE: ReadonlySet<string> = new Set(['resource'])

type ResourceSettings = Pick<Config, 'issuer' | 'routes'>

/**
 * The protected resources that a request names (RFC 8707 §2), each once, as their metadata spells them; those of the client
 * by default when it names none. Throws `invalid_target` for what is none of ours.
 */
export const requestedResource = (
  values: readonly string[],
  client: Pick<ClientSettings, 'defaultResource'>,
  config: ResourceSettings,
): readonly string[] => namedResource(values.length > 0 ? values : client.defaultResource, config)

/** The resources that a token is asked for out of those of its grant; all of them when none is named. */
export const narrowedResource = (
  values: readonly string[],
  granted: readonly string[],
  config: ResourceSettings,
): readonly string[] => {
  const resources = namedResource(values, config)
  if (resources.length === 0) return granted
  const within = granted.length === 0 || resources.every((resource) => granted.includes(resource))
  if (!within) throw invalidTarget('resource was not asked for when access was allowed')
  return resources
}

const namedResource = (
  values: readonly string[] = [],
  config: ResourceSettings,
): readonly string[] => {
  if (values.length === 0) return []
  const nameOf = namesOf(config)
  const resources = values.map(nameOf).filter((resource) => resource !== undefined)
  if (resources.length < values.length)
    throw invalidTarget('resource names none that is protected here')
  return [...new Set(resources)]
}

/** Made once a configuration: there may be thousands of routes. */
const namesOf = (config: ResourceSettings): ReturnType<typeof resourceNames> => {
  const known = names.get(config) ?? resourceNames(config)
  names.set(config, known)
  return known
}

const names = new WeakMap<ResourceSettings, ReturnType<typeof resourceNames>>()
