import OAuth2Strategy from 'passport-oauth2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  REDIRECT_URI,
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient } from './support/client.ts'
import { createPerson, openBrowser } from './support/person.ts'

type Tokens = { access: string; refresh: string; answer: Record<string, unknown> }

/** What Passport makes of one request of a browser. */
type Outcome =
  | { readonly redirect: string }
  | { readonly tokens: Tokens }
  | { readonly failed: unknown }
  | { readonly error: unknown }

/** The strategy behind the sign-in of many Express applications, driven as Passport drives it. */
describe('passport-oauth2', () => {
  let server: RunningAuthorizationServer
  const ada = createPerson('ada', 'ada-password')

  beforeAll(async () => {
    server = await startAuthorizationServer()
  })
  afterAll(() => server.stop())

  const strategyOf = (client: { clientID: string; clientSecret: string }, callbackURL: string) =>
    new OAuth2Strategy(
      {
        authorizationURL: `${server.origin}/oauth/authorize`,
        tokenURL: `${server.origin}/oauth/token`,
        ...{ ...client, callbackURL, scope: ['orders.read', 'orders.write'] },
        ...{ pkce: true, state: true },
      },
      (
        access: string,
        refresh: string,
        answer: Record<string, unknown>,
        _profile: unknown,
        done: OAuth2Strategy.VerifyCallback,
      ) => done(null, { access, refresh, answer }),
    )

  const handle = (
    strategy: OAuth2Strategy,
    session: Record<string, unknown>,
    query: Record<string, string>,
  ): Promise<Outcome> =>
    new Promise((resolve) => {
      const own: OAuth2Strategy = Object.create(strategy)
      own.redirect = (redirect: string) => resolve({ redirect })
      own.success = (tokens: Tokens) => resolve({ tokens })
      own.fail = (failed: unknown) => resolve({ failed })
      own.error = (error: unknown) => resolve({ error })
      own.authenticate(
        { query, session, headers: {}, url: '/' } as unknown as Parameters<
          typeof own.authenticate
        >[0],
        {},
      )
    })

  const signIn = async (
    strategy: OAuth2Strategy,
    conduct?: Parameters<typeof ada.authorize>[1],
    person = ada,
  ): Promise<Outcome> => {
    const session = {}
    const begun = await handle(strategy, session, {})
    if (!('redirect' in begun)) throw new Error(JSON.stringify(begun))
    const url = new URL(begun.redirect)
    expect(url.searchParams.get('code_challenge_method')).toBe('S256')
    const callback = await person.authorize(url, conduct)
    return handle(strategy, session, Object.fromEntries(callback.searchParams))
  }

  it('9700-2.1 a confidential client signs a person in, with PKCE and state', async () => {
    const client = { clientID: 'web', clientSecret: 'web-secret' }
    const outcome = await signIn(strategyOf(client, REDIRECT_URI))
    if (!('tokens' in outcome)) throw new Error(JSON.stringify(outcome))
    const { access, refresh, answer } = outcome.tokens
    expect(answer).toMatchObject({ token_type: 'Bearer', scope: 'orders.read orders.write' })
    const web = createClient(server.origin, 'web', { secret: 'web-secret' })
    expect((await web.post('introspect', { token: access })).body).toMatchObject({
      ...{ active: true, sub: 'ada' },
    })
    expect((await web.refresh(refresh)).status).toBe(200)
  })

  it('6749-22 a person who says no is a failure, not an error', async () => {
    const client = { clientID: 'other', clientSecret: 'other-secret' }
    const bob = createPerson('bob', 'bob-password', openBrowser())
    const outcome = await signIn(strategyOf(client, REDIRECT_URI), { decision: 'deny' }, bob)
    expect(outcome).toHaveProperty('failed')
  })

  it('6749-65 a wrong secret is an error of the token endpoint, by the standard’s name', async () => {
    const client = { clientID: 'web', clientSecret: 'wrong' }
    expect(await signIn(strategyOf(client, REDIRECT_URI))).toMatchObject({
      error: { name: 'TokenError', code: 'invalid_client' },
    })
  })

  it('9207 the issuer in the answer does not disturb it', async () => {
    const client = { clientID: 'web', clientSecret: 'web-secret' }
    const session = {}
    const strategy = strategyOf(client, REDIRECT_URI)
    const begun = await handle(strategy, session, {})
    const callback = await ada.authorize('redirect' in begun ? begun.redirect : '')
    expect(callback.searchParams.get('iss')).toBe(server.origin)
    expect(
      await handle(strategy, session, Object.fromEntries(callback.searchParams)),
    ).toHaveProperty('tokens')
  })
})
