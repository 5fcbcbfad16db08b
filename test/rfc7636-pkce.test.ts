import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { challengeOf, createClient } from './support/client.ts'
import { createPerson, openBrowser } from './support/person.ts'

const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
const NONE = { code_challenge: undefined, code_challenge_method: undefined }

describe('proof key for code exchange', () => {
  let server: RunningAuthorizationServer
  const ada = createPerson('ada', 'ada-password')
  const web = () => createClient(server.origin, 'web', { secret: 'web-secret' })
  const old = () => createClient(server.origin, 'old', { secret: 'old-secret' })
  const errorOf = async (parameters: Record<string, string | undefined>, client = web()) => {
    const { location } = await openBrowser().open(String(client.authorizationUrl(parameters)))
    return new URL(location ?? '').searchParams.get('error')
  }

  beforeAll(async () => {
    server = await startAuthorizationServer({
      clients: [
        { client_id: 'web', client_secret: 'web-secret' },
        { client_id: 'old', client_secret: 'old-secret', require_pkce: false },
        { client_id: 'native', require_pkce: false },
      ],
    })
  })
  afterAll(() => server.stop())

  it.each([
    ['7636-01 no challenge', NONE],
    ['7636-06 an empty challenge', { code_challenge: '', code_challenge_method: '' }],
    ['7636-02 a method without a challenge', { code_challenge: undefined }],
    ['7636-02 a challenge without a method', { code_challenge_method: undefined }],
    ['7636-02 plain', { code_challenge_method: 'plain' }],
    ['7636-02 s256', { code_challenge_method: 's256' }],
    ['7636-02 an unknown method', { code_challenge_method: 'S512' }],
    ['7636-03 42 characters', { code_challenge: CHALLENGE.slice(1) }],
    ['7636-03 44 characters', { code_challenge: `${CHALLENGE}A` }],
    ['7636-03 padding', { code_challenge: `${CHALLENGE}=` }],
    ['7636-03 another alphabet', { code_challenge: `${CHALLENGE.slice(1)}+` }],
  ])('%s is invalid_request', async (_, parameters) => {
    expect(await errorOf(parameters)).toBe('invalid_request')
  })

  it('7636-01 a public client cannot do without, whatever its settings say', async () => {
    const native = createClient(server.origin, 'native')
    expect(await errorOf(NONE, native)).toBe('invalid_request')
  })

  it('7636-01 a confidential client may do without where its settings say so', async () => {
    const callback = await ada.authorize(old().authorizationUrl(NONE))
    expect((await old().redeem(callback, { code_verifier: '' })).status).toBe(200)
  })

  it('7636-02 such a client is held to the challenge that it sends', async () => {
    expect(await errorOf({ code_challenge_method: 'plain' }, old())).toBe('invalid_request')
    const callback = await ada.authorize(old().authorizationUrl({ code_challenge: CHALLENGE }))
    const answer = await old().redeem(callback, { code_verifier: '' })
    expect(answer.body.error).toBe('invalid_grant')
  })

  it("7636-04 the RFC's example verifies", async () => {
    const callback = await ada.authorize(web().authorizationUrl({ code_challenge: CHALLENGE }))
    expect((await web().redeem(callback, { code_verifier: VERIFIER })).status).toBe(200)
  })

  it.each([
    ['42 characters', 'a'.repeat(42)],
    ['129 characters', 'a'.repeat(129)],
    ['a space', `${'a'.repeat(43)} `],
    ['another alphabet', `${'a'.repeat(43)}+`],
  ])('7636-04 a verifier of %s is refused, even where its digest is right', async (_, verifier) => {
    const code_challenge = challengeOf(verifier)
    const callback = await ada.authorize(web().authorizationUrl({ code_challenge }))
    const answer = await web().redeem(callback, { code_verifier: verifier })
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_grant'])
  })

  it('7636-04 verifiers of 43 and of 128 characters are good', async () => {
    for (const verifier of ['~'.repeat(43), '.'.repeat(128)]) {
      const code_challenge = challengeOf(verifier)
      const callback = await ada.authorize(web().authorizationUrl({ code_challenge }))
      expect((await web().redeem(callback, { code_verifier: verifier })).status).toBe(200)
    }
  })

  it.each([
    ['missing', ''],
    ['wrong', 'x'.repeat(43)],
    ['the challenge itself', CHALLENGE],
  ])(
    '7636-05, 7636-07 a verifier that is %s is invalid_grant, and the code is burned',
    async (_, wrong) => {
      const callback = await ada.authorize(web().authorizationUrl({ code_challenge: CHALLENGE }))
      const answer = await web().redeem(callback, { code_verifier: wrong })
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_grant'])
      const again = await web().redeem(callback, { code_verifier: VERIFIER })
      expect(again.body.error).toBe('invalid_grant')
    },
  )

  it('7636-06, A5 a verifier for a code without a challenge is refused', async () => {
    const callback = await ada.authorize(old().authorizationUrl(NONE))
    const answer = await old().redeem(callback, { code_verifier: VERIFIER })
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_grant'])
  })

  it('7636-08 the metadata offers S256 alone', async () => {
    const response = await fetch(`${server.origin}/.well-known/oauth-authorization-server`)
    expect(await response.json()).toMatchObject({ code_challenge_methods_supported: ['S256'] })
  })
})
