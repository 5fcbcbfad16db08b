import type { Config } from '../config/config.ts'
import { SIGNING_ALGORITHMS } from '../config/jwks.ts'
import { type ProtectedResource, protectedResources } from '../config/protected-resource.ts'
import { JSON_TYPE } from './call.ts'
import type { ProgramEndpoint, ProgramHandler } from './endpoint.ts'
import { OAuthError } from './errors.ts'
import { PROMPTS } from './prompt.ts'
import { endpointUrl, type Room } from './room.ts'
import { grantTypes } from './token.ts'

/**
 * What clients can find out by themselves: the authorization server (RFC 8414) and each protected resource (RFC 9728).
 * Made once of the configuration alone; neither `Host` nor the store has a say.
 */
export const metadataEndpoints = ({ config }: Pick<Room, 'config'>): readonly ProgramEndpoint[] => {
  const server = answerDocument(serverMetadata(config))
  const resources = documentsByPath(config)
  return [
    ...serverPaths(config).map((path) => ({ path, get: server }) as const),
    { path: '/.well-known/jwks.json', get: answerDocument(NO_KEYS) },
    ...[...resources].map(
      ([path, documents]) => ({ path, get: answerResource(documents, config) }) as const,
    ),
  ].map((endpoint) => ({ ...endpoint, renders: 'json', cors: true }))
}

/** RFC 8414 §2. Only what is truly there; clients that look for an OpenID provider's document find the same one. */
const serverMetadata = (config: Config): Readonly<Record<string, unknown>> => {
  const scopes = [...config.scopes.keys()]
  const methods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt']
  return {
    issuer: config.issuer,
    authorization_endpoint: endpointUrl(config, 'authorize'),
    token_endpoint: endpointUrl(config, 'token'),
    ...(scopes.length > 0 && { scopes_supported: scopes }),
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: [...grantTypes.keys()],
    token_endpoint_auth_methods_supported: [...methods, 'none'],
    token_endpoint_auth_signing_alg_values_supported: SIGNING_ALGORITHMS,
    revocation_endpoint: endpointUrl(config, 'revoke'),
    revocation_endpoint_auth_methods_supported: [...methods, 'none'],
    revocation_endpoint_auth_signing_alg_values_supported: SIGNING_ALGORITHMS,
    introspection_endpoint: endpointUrl(config, 'introspect'),
    introspection_endpoint_auth_methods_supported: methods,
    introspection_endpoint_auth_signing_alg_values_supported: SIGNING_ALGORITHMS,
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    device_authorization_endpoint: endpointUrl(config, 'device_authorization'),
    pushed_authorization_request_endpoint: endpointUrl(config, 'par'),
    require_pushed_authorization_requests: config.require_pushed_authorization_requests,
    request_parameter_supported: false,
    // Of others than those of pushed requests, which the endpoint itself promises (RFC 9126 §5).
    request_uri_parameter_supported: false,
    ...(config.registration !== 'closed' && {
      registration_endpoint: endpointUrl(config, 'register'),
    }),
    prompt_values_supported: PROMPTS,
  }
}

/** The path of an issuer comes behind the well-known name (§3.1); some clients put it in front, or leave it out. */
const serverPaths = ({ issuer }: Config): readonly string[] => {
  const path = new URL(issuer).pathname.replace(/\/$/, '')
  const [oauth, openid] = [
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
  ]
  return [...new Set([oauth + path, openid + path, path + openid, oauth, openid])]
}

/** Routes of several hosts may share a path; the host then tells their documents apart, and a named one comes first. */
const documentsByPath = (config: Config): ReadonlyMap<string, readonly ProtectedResource[]> => {
  const resources = [...new Set(protectedResources(config).values())]
  const [only, ...others] = resources
  const root =
    only && others.length === 0 ? [{ ...only, well_known_path: WELL_KNOWN_RESOURCE }] : []
  return Map.groupBy([...resources, ...root], ({ well_known_path }) => well_known_path)
}

/** RFC 9728 §2. */
const resourceMetadata = (
  { resource, scopes }: ProtectedResource,
  { issuer }: Pick<Config, 'issuer'>,
): Readonly<Record<string, unknown>> => ({
  resource,
  authorization_servers: [issuer],
  ...(scopes.length > 0 && { scopes_supported: scopes }),
  bearer_methods_supported: ['header'],
})

const answerResource = (
  documents: readonly ProtectedResource[],
  config: Pick<Config, 'issuer'>,
): ProgramHandler => {
  const handlers = documents.map(({ host, ...rest }) => ({
    host,
    answer: answerDocument(resourceMetadata(rest, config)),
  }))
  return (call, parameters) => {
    const name = (call.req.headers.host ?? '').replace(/:\d*$/, '').toLowerCase()
    const chosen =
      handlers.find(({ host }) => host === name) ??
      handlers.find(({ host }) => host === undefined) ??
      handlers[0]
    if (!chosen) throw new OAuthError('invalid_request', 'no resource is here', { status: 404 })
    return chosen.answer(call, parameters)
  }
}

const answerDocument = (document: Readonly<Record<string, unknown>>): ProgramHandler => {
  const headers = { 'Cache-Control': 'public, max-age=300' }
  const reply = { status: 200, headers, type: JSON_TYPE, body: JSON.stringify(document) }
  return () => reply
}

/** Nothing that we issue is signed, so no metadata names this; whoever looks for keys by habit hears that there are none. */
const NO_KEYS = { keys: [] }

const WELL_KNOWN_RESOURCE = '/.well-known/oauth-protected-resource'
