import { randomUUID } from 'node:crypto'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import type { PublicKey } from '../../src/config/jwks.ts'

/** A key pair of a client. */
export type SigningKey = {
  readonly alg: string
  readonly privateKey: CryptoKey
  /** As it is published. */
  readonly jwk: JWK
  /** As a configuration has it. */
  readonly configured: PublicKey
}

export const createSigningKey = async (alg = 'ES256', kid?: string): Promise<SigningKey> => {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), ...(kid !== undefined && { kid }) }
  return { alg, privateKey, jwk, configured: jwk as PublicKey }
}

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** What a client signs, `undefined` leaving a claim out. `now`: seconds. */
export const claimsOf = (
  client_id: string,
  aud: unknown,
  now: number,
  changes: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> => {
  const iat = Math.floor(now)
  const claims = { iss: client_id, sub: client_id, aud, iat, exp: iat + 60, jti: randomUUID() }
  return Object.fromEntries(
    Object.entries({ ...claims, ...changes }).filter(([, value]) => value !== undefined),
  )
}

/** A JWT, signed; the claims as they are, were they wrong. */
export const signClaims = (
  { alg, privateKey, jwk }: SigningKey,
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> =>
  new SignJWT(claims)
    .setProtectedHeader({ alg, ...(jwk.kid !== undefined && { kid: jwk.kid }), ...header })
    .sign(privateKey)

export const asserted = (client_assertion: string): Record<string, string> => ({
  client_assertion_type: ASSERTION_TYPE,
  client_assertion,
})
