/**
 * The words of OAuth errors (RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1, RFC 7009 §2.2.1, RFC 8707 §2, RFC 8628 §3.5,
 * RFC 7591 §3.2.2).
 * `description` goes to the caller and says what to fix; `cause` goes to the log only.
 */
export class OAuthError extends Error {
  override readonly name = 'OAuthError'
  readonly code: OAuthErrorCode
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(code: OAuthErrorCode, description: string, options: OAuthErrorOptions = {}) {
    super(description, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.status = options.status ?? STATUS[code] ?? 400
    this.headers = options.headers ?? {}
  }
}

type OAuthErrorOptions = {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'access_denied'
  | 'unsupported_response_type'
  | 'server_error'
  | 'temporarily_unavailable'
  | 'login_required'
  | 'consent_required'
  | 'interaction_required'
  | 'invalid_request_uri'
  | 'request_not_supported'
  | 'request_uri_not_supported'
  | 'registration_not_supported'
  | 'unsupported_token_type'
  | 'authorization_pending'
  | 'slow_down'
  | 'expired_token'
  | 'invalid_token'
  | 'insufficient_scope'
  | 'invalid_redirect_uri'
  | 'invalid_client_metadata'
  | 'invalid_software_statement'
  | 'unapproved_software_statement'

const STATUS: Partial<Record<OAuthErrorCode, number>> = {
  invalid_client: 401,
  invalid_token: 401,
  access_denied: 403,
  insufficient_scope: 403,
  server_error: 500,
  temporarily_unavailable: 503,
}

const errorNamed =
  (code: OAuthErrorCode) =>
  (description: string, options?: OAuthErrorOptions): OAuthError =>
    new OAuthError(code, description, options)

export const invalidRequest = errorNamed('invalid_request')
export const invalidClient = errorNamed('invalid_client')
export const invalidGrant = errorNamed('invalid_grant')
export const unauthorizedClient = errorNamed('unauthorized_client')
export const unsupportedGrantType = errorNamed('unsupported_grant_type')
export const invalidScope = errorNamed('invalid_scope')
export const invalidTarget = errorNamed('invalid_target')
export const accessDenied = errorNamed('access_denied')
export const unsupportedResponseType = errorNamed('unsupported_response_type')
export const temporarilyUnavailable = errorNamed('temporarily_unavailable')
export const invalidRedirectUri = errorNamed('invalid_redirect_uri')
export const invalidClientMetadata = errorNamed('invalid_client_metadata')
