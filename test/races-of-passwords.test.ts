import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'
import { createClient } from './support/client.ts'
import { DEVICE_CODE, enterCode } from './support/device.ts'
import { type Answer, createPerson, formOf, type Person } from './support/person.ts'

describe('A23 what ends sessions ends what was under way in them', () => {
  let server: RunningAuthorizationServer
  let beforeSession: (() => Promise<void>) | undefined
  const held = { hash: hold(), consent: hold() }
  const at = (path: string) => `${server.origin}/oauth/${path}`
  const web = () => createClient(server.origin, 'web', { secret: 'web-secret' })
  const HASH = '$argon2id$of-an-operator'

  beforeAll(async () => {
    server = await startAuthorizationServer(
      {
        accounts: ['ada', 'bob', 'cyd', 'dan'].map((username) => ({ username })),
        clients: [
          { client_id: 'web', client_secret: 'web-secret' },
          { client_id: 'tv', redirect_uris: [], grant_types: [DEVICE_CODE] },
        ],
      },
      {
        through: (stores) => ({
          ...stores,
          passwords: {
            ...stores.passwords,
            async hash(password, from) {
              const hash = await stores.passwords.hash(password, from)
              await held.hash.pass()
              return hash
            },
          },
          accounts: {
            ...stores.accounts,
            async setPassword(...given) {
              await stores.accounts.setPassword(...given)
              await beforeSession?.()
            },
          },
          consents: {
            ...stores.consents,
            async find(...given) {
              const found = await stores.consents.find(...given)
              await held.consent.pass()
              return found
            },
          },
          deviceCodes: {
            ...stores.deviceCodes,
            async findPending(id) {
              const found = await stores.deviceCodes.findPending(id)
              await held.consent.pass()
              return found
            },
          },
        }),
      },
    )
  })
  afterAll(() => server.stop())

  const signedIn = async (username: string, page = 'password') => {
    const person = createPerson(username, `${username}-password`)
    const login = await person.settle(await person.browser.open(at(page)))
    return { person, form: await person.settle(await person.signIn(login)) }
  }
  const change = (person: Person, form: Answer, from: string, to: string) => {
    const { action, hidden } = formOf(form)
    const fields = { current_password: from, new_password: to, new_password_again: to }
    return person.browser.post(action, { ...hidden, ...fields })
  }
  const isSignedIn = async ({ settle, browser }: Person) =>
    !(await settle(await browser.open(at('apps')))).url.includes('/login')

  it('of two who change the same password, the later one changes nothing with the one that is over', async () => {
    const [thief, ada] = [await signedIn('ada'), await signedIn('ada')]
    held.hash.arm()
    const theft = change(thief.person, thief.form, 'ada-password', 'a password of a thief')
    await held.hash.reached()
    const changed = await change(ada.person, ada.form, 'ada-password', 'a better password')
    expect(changed.status).toBe(303)
    held.hash.release()
    expect((await theft).status).toBe(401)
    expect(await isSignedIn(thief.person)).toBe(false)
    expect(await isSignedIn(ada.person)).toBe(true)
    const again = createPerson('ada', 'a better password')
    const login = await again.settle(await again.browser.open(at('apps')))
    expect((await again.signIn(login)).status).toBe(303)
  })

  it('who has just changed a password gets no session where an operator has set another since', async () => {
    const { person, form } = await signedIn('bob')
    beforeSession = () => server.stores.accounts.setPassword('bob', HASH)
    await change(person, form, 'bob-password', 'a password of a thief')
    beforeSession = undefined
    expect(await isSignedIn(person)).toBe(false)
  })

  it('no code is issued for who was signed out by another password while it was decided', async () => {
    const { person } = await signedIn('cyd', 'apps')
    const client = web()
    const page = await person.settle(await person.browser.open(client.authorizationUrl().href))
    held.consent.arm()
    const deciding = person.decide(page)
    await held.consent.reached()
    await server.stores.accounts.setPassword('cyd', HASH)
    held.consent.release()
    const decided = await deciding
    expect([decided.status, decided.location]).toEqual([403, undefined])
    expect((await server.stores.grants.ofAccount('cyd')).grants).toEqual([])
  })

  it('no device is allowed by who was signed out by another password while they decided', async () => {
    const { body } = await createClient(server.origin, 'tv').post('device_authorization', {})
    const { person } = await signedIn('dan', 'apps')
    const page = await enterCode(person, String(body.verification_uri), String(body.user_code))
    held.consent.arm()
    const deciding = person.decide(page)
    await held.consent.reached()
    await server.stores.accounts.setPassword('dan', HASH)
    held.consent.release()
    expect((await deciding).status).toBe(403)
    expect((await server.stores.grants.ofAccount('dan')).grants).toEqual([])
  })
})

/** A place that the next one who comes waits at, until they are let go. */
function hold() {
  let armed: PromiseWithResolvers<void> | undefined
  let arrived = Promise.withResolvers<void>()
  let gate = Promise.resolve()
  return {
    arm() {
      armed = Promise.withResolvers()
      arrived = Promise.withResolvers()
      gate = armed.promise
    },
    reached: () => arrived.promise,
    release: () => armed?.resolve(),
    pass() {
      if (gate !== armed?.promise) return undefined
      const here = gate
      gate = Promise.resolve()
      arrived.resolve()
      return here
    },
  }
}
