import { Mistake } from '../../mistake.ts'
import { answerOf } from './answer.ts'
import type { Narrate } from './narration.ts'
import { isSafeUrl } from './settings.ts'

/** What the client needs of an authorization server's metadata (RFC 8414 §2, RFC 9207 §3). */
export type AuthorizationServer = {
  readonly issuer: string
  readonly authorization_endpoint: URL
  readonly token_endpoint: URL
  /** RFC 8628 §4. */
  readonly device_authorization_endpoint: URL | undefined
  readonly token_endpoint_auth_methods_supported: readonly string[]
  readonly authorization_response_iss_parameter_supported: boolean
}

/** Reads the metadata of `issuer`. Throws a `Mistake` for what is missing or names another issuer (RFC 8414 §3.3). */
export const discover = async (issuer: string, say: Narrate): Promise<AuthorizationServer> => {
  const url = metadataUrl(issuer)
  say('Ask the authorization server where its endpoints are')
  say(`  GET ${url.href}`)
  const { status, body } = await answerOf(url, { headers: { accept: 'application/json' } })
  if (status !== 200)
    throw new Mistake(`${url.href} answered ${status}: is this an authorization server?`)
  return readMetadata(issuer, parseObject(body, url.href))
}

/** RFC 8414 §3.1: the well-known name goes between the host and the issuer's path. */
const metadataUrl = (issuer: string): URL => {
  const { origin, pathname } = new URL(issuer)
  return new URL(`/.well-known/oauth-authorization-server${pathname.replace(/\/$/, '')}`, origin)
}

/** A JSON object, whatever the sender says it is. Throws a `Mistake` that names the source. */
export const parseObject = (text: string, source: string): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch {
    // Not JSON: said below.
  }
  throw new Mistake(`${source} did not answer with a JSON object`)
}

const readMetadata = (
  issuer: string,
  metadata: Readonly<Record<string, unknown>>,
): AuthorizationServer => {
  if (metadata.issuer !== issuer)
    throw new Mistake(
      `the metadata is that of another issuer, ${String(metadata.issuer)}; if you meant that one, give it with --issuer`,
    )
  const methods = metadata.token_endpoint_auth_methods_supported
  return {
    issuer,
    authorization_endpoint: endpoint(metadata, 'authorization_endpoint'),
    token_endpoint: endpoint(metadata, 'token_endpoint'),
    device_authorization_endpoint:
      metadata.device_authorization_endpoint === undefined
        ? undefined
        : endpoint(metadata, 'device_authorization_endpoint'),
    token_endpoint_auth_methods_supported: Array.isArray(methods)
      ? methods
      : ['client_secret_basic'],
    authorization_response_iss_parameter_supported:
      metadata.authorization_response_iss_parameter_supported === true,
  }
}

/** Checked before a browser or a secret is sent there. */
const endpoint = (metadata: Readonly<Record<string, unknown>>, name: string): URL => {
  const url = URL.parse(String(metadata[name]))
  if (!url || !isSafeUrl(url)) throw new Mistake(`the metadata has no ${name} that is safe to use`)
  return url
}
