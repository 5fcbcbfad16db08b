import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postForm } from './support/client.ts'
import { createPerson, openBrowser } from './support/person.ts'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'
import { ok, type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.ts'

// The documented sample client of the Axway API Gateway, request by request as its authorization_code.py makes them, and
// its sister scripts for token information and revocation. What differs: those two name the client, as we ask of everyone.

const CLIENT = {
  client_id: 'SampleConfidentialApp',
  client_secret: '6808d4b6-ef09-4b0d-8f28-3b05da9c48ec',
}
const REDIRECT_URI = 'https://localhost/oauth_callback'

describe('the sample client of the Axway API Gateway, step by step', () => {
  let server: Portcullis
  let upstream: RecordingUpstream
  const at = (path: string) => `${server.origin}/api/oauth/${path}`
  const protectedUrl = () => `${server.origin}/oauth/protected`

  beforeAll(async () => {
    upstream = await startRecordingUpstream(() =>
      ok("<html>Congrats! You've hit an OAuth protected resource</html>"),
    )
    server = await startPortcullis(`
demo: true
compatibility: [axway]
paths: { oauth: /api/oauth }
scopes: { resource.READ: Read your resource, resource.WRITE: Change your resource }
upstreams: { resource: ${upstream.origin} }
routes:
  - path: /oauth/protected
    upstream: resource
    scope: { any: resource.READ resource.WRITE }
clients:
  - client_id: ${CLIENT.client_id}
    client_secret: ${CLIENT.client_secret}
    redirect_uris: [${REDIRECT_URI}]
    grant_types: [authorization_code, refresh_token]
    require_pkce: false
accounts: [{ username: regadmin, password: changeme }]
`)
  })
  afterAll(async () => {
    await server.stop()
    await upstream.close()
  })

  /** Steps 2 to 5: the printed URL, which a person opens, signs in and allows; the code is copied from the address bar. */
  const obtainCode = async (scope: string): Promise<string> => {
    const url = `${at('authorize')}?client_id=${CLIENT.client_id}&response_type=code&scope=${scope}&redirect_uri=${encodeURIComponent(REDIRECT_URI)}`
    const regadmin = createPerson('regadmin', 'changeme', openBrowser())
    const callback = await regadmin.authorize(url)
    expect(callback.href.startsWith(`${REDIRECT_URI}?code=`)).toBe(true)
    expect(callback.searchParams.has('state')).toBe(false)
    return callback.searchParams.get('code') ?? ''
  }

  /** Step 6, with the parameters of the page's own example, `format=query` among them. */
  const exchange = (code: string) =>
    postForm(
      at('token'),
      `client_id=${CLIENT.client_id}&client_secret=${CLIENT.client_secret}&code=${code}&redirect_uri=${encodeURIComponent(REDIRECT_URI)}&grant_type=authorization_code&format=query`,
    )

  it.each(['resource.READ', 'resource.READ,resource.WRITE', 'resource.READ+resource.WRITE'])(
    'with scope=%s: a code, tokens, and the protected resource',
    async (scope) => {
      const { status, body, headers } = await exchange(await obtainCode(scope))
      expect([status, headers.get('Content-Type')]).toEqual([
        200,
        'application/json; charset=utf-8',
      ])
      expect([headers.get('Cache-Control'), headers.get('Pragma')]).toEqual([
        'no-store',
        'no-cache',
      ])
      expect(body).toMatchObject({
        token_type: 'Bearer',
        access_token: expect.any(String),
        refresh_token: expect.any(String),
        scope: scope.replace(/[,+]/, ' '),
      })
      expect(Number(body.expires_in)).toBeGreaterThan(590)
      const answer = await fetch(protectedUrl(), {
        headers: { Authorization: `Bearer ${body.access_token}` },
      })
      expect(answer.status).toBe(200)
      expect(await answer.text()).toContain("Congrats! You've hit an OAuth protected resource")
    },
  )

  it('token_info.py: audience, scope, expiry and user of a token', async () => {
    const { body } = await exchange(await obtainCode('resource.READ'))
    const access_token = String(body.access_token)
    const { status, body: known } = await postForm(at('tokeninfo'), { access_token, ...CLIENT })
    expect(status).toBe(200)
    expect(Object.keys(known).sort()).toEqual(['audience', 'expires_in', 'scope', 'user_id'])
    expect(known).toMatchObject({
      ...{ audience: CLIENT.client_id, user_id: 'regadmin', scope: 'resource.READ' },
    })
    expect(Number.isInteger(known.expires_in)).toBe(true)
    const stranger = await postForm(at('tokeninfo'), { access_token })
    expect([stranger.status, stranger.body.error]).toEqual([401, 'invalid_client'])
  })

  it.each([undefined, 'access_token', 'refresh_token'])(
    'revoke_token.py with the hint %s: the token is good for nothing afterwards',
    async (token_type_hint) => {
      const { body } = await exchange(await obtainCode('resource.READ'))
      const token = String(
        token_type_hint === 'refresh_token' ? body.refresh_token : body.access_token,
      )
      const revoked = await postForm(
        at('revoke'),
        { token, ...(token_type_hint !== undefined && { token_type_hint }) },
        { Authorization: `Basic ${btoa(`${CLIENT.client_id}:${CLIENT.client_secret}`)}` },
      )
      expect(revoked.status).toBe(200)
      const answer = await fetch(protectedUrl(), {
        headers: { Authorization: `Bearer ${body.access_token}` },
      })
      expect(answer.status).toBe(401)
      const known = await postForm(at('tokeninfo'), {
        access_token: String(body.access_token),
        ...CLIENT,
      })
      expect(known.status).toBe(400)
    },
  )

  it('a refresh, in the body as the samples do', async () => {
    const { body } = await exchange(await obtainCode('resource.READ'))
    const next = await postForm(at('token'), {
      grant_type: 'refresh_token',
      refresh_token: String(body.refresh_token),
      ...CLIENT,
    })
    expect(next.body).toMatchObject({ token_type: 'Bearer', scope: 'resource.READ' })
  })
})
