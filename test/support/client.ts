import { createHash, randomBytes } from 'node:crypto'

import { type Fields, formBody } from './person.ts'

/** What the endpoints of a server answer to a client. */
export type JsonAnswer = {
  readonly status: number
  readonly headers: Headers
  /** Without `request_id`, which differs each time. */
  readonly body: Readonly<Record<string, unknown>>
}

/** A client as its developer would write it. */
export type TestClient = {
  readonly client_id: string
  /** An authorization URL with PKCE; `undefined` leaves a parameter out. */
  authorizationUrl(parameters?: Readonly<Record<string, string | undefined>>): URL
  /** Pushes the parameters of such a URL (RFC 9126). */
  push(
    parameters?: Readonly<Record<string, string | undefined>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<JsonAnswer>
  /** The URL that a pushed request is opened at. */
  pushedUrl(pushed: JsonAnswer): URL
  /** Posts to an endpoint with the client's credentials in the body. */
  post(
    endpoint: string,
    fields: Fields,
    headers?: Readonly<Record<string, string>>,
  ): Promise<JsonAnswer>
  redeem(callback: URL, fields?: Fields): Promise<JsonAnswer>
  refresh(refresh_token: unknown, fields?: Fields): Promise<JsonAnswer>
  readonly code_verifier: string
}

export const createClient = (
  origin: string,
  client_id: string,
  options: {
    secret?: string
    redirect_uri?: string
    /** Fields of every request. */
    always?: Readonly<Record<string, string>>
  } = {},
): TestClient => {
  const { secret, redirect_uri = 'https://app.example/callback', always = {} } = options
  const code_verifier = randomBytes(32).toString('base64url')
  const credentials: Fields = { client_id, ...(secret !== undefined && { client_secret: secret }) }
  const client: TestClient = {
    client_id,
    code_verifier,
    authorizationUrl(parameters = {}) {
      const url = new URL(`${origin}/oauth/authorize`)
      const all = {
        response_type: 'code',
        client_id,
        redirect_uri,
        scope: 'orders.read orders.write',
        state: 'state-of-the-client',
        code_challenge: challengeOf(code_verifier),
        code_challenge_method: 'S256',
        ...parameters,
      }
      for (const [name, value] of Object.entries(all)) {
        if (value !== undefined) url.searchParams.set(name, value)
      }
      return url
    },
    push: (parameters, headers) =>
      client.post(
        'par',
        Object.fromEntries(client.authorizationUrl(parameters).searchParams),
        headers,
      ),
    pushedUrl({ body }) {
      const url = new URL(`${origin}/oauth/authorize`)
      url.searchParams.set('client_id', client_id)
      url.searchParams.set('request_uri', String(body.request_uri))
      return url
    },
    post: (endpoint, fields, headers) =>
      postForm(
        `${origin}/oauth/${endpoint}`,
        { ...credentials, ...fields },
        { ...always, ...headers },
      ),
    redeem: (callback, fields = {}) =>
      client.post('token', {
        grant_type: 'authorization_code',
        code: callback.searchParams.get('code') ?? '',
        redirect_uri,
        code_verifier,
        ...fields,
      }),
    refresh: (refresh_token, fields = {}) =>
      client.post('token', {
        grant_type: 'refresh_token',
        refresh_token: String(refresh_token),
        ...fields,
      }),
  }
  return client
}

export const postForm = async (
  url: string,
  fields: Fields | string,
  headers: Readonly<Record<string, string>> = {},
): Promise<JsonAnswer> => {
  const raw = typeof fields === 'string'
  const type = { 'Content-Type': 'application/x-www-form-urlencoded' }
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...type, ...headers },
    body: raw ? fields : formBody(fields).toString(),
  })
  const text = await response.text()
  const { request_id: _, ...body } = text.startsWith('{') ? JSON.parse(text) : { text }
  return { status: response.status, headers: response.headers, body }
}

export const basic = (client_id: string, secret: string): Record<string, string> => ({
  Authorization: `Basic ${Buffer.from(`${formEncoded(client_id)}:${formEncoded(secret)}`).toString('base64')}`,
})

const formEncoded = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1)

export const challengeOf = (verifier: string): string =>
  createHash('sha256').update(verifier).digest('base64url')
