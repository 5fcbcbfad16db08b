import { randomUUID } from 'node:crypto'
import { createClient, type JsonAnswer, type TestClient } from './client.ts'
import { createPerson, openBrowser, type Person } from './person.ts'

/**
 * Somebody who notes every answer that the server gave, and holds it to them after a fault. What was asked and not
 * answered may have happened or not; what was answered has.
 */
export type Witness = {
  /** So many things that were acknowledged. */
  acknowledged(): number
  /** Asks without a pause until `stop`; what fails meanwhile is forgotten. */
  begin(clients: number): { stop(): Promise<void> }
  /** What does not hold any more, in words; nothing when all does. Forgets what it has used up. */
  hold(): Promise<string[]>
}

/** Each request has a connection of its own: what is open on the other side afterwards is not ours. */
const ALONE = { Connection: 'close' }

/** Answers that were not understood to be what they must be, or did not come. */
class Unanswered extends Error {}

type Family = { readonly client: TestClient; readonly access: string; readonly refresh: string }
type Code = { readonly client: TestClient; readonly callback: URL }
type Registered = { readonly uri: string; readonly token: string }

/** The configuration that a witness needs, with an upstream that answers. */
export const witnessed = (upstream: number): string => `
demo: true
secret: a-secret-of-the-witness-that-is-long-enough
log: { access: false }
registration: open
limits: { registrations: { points: 1000000, duration: 1m, total: 1000000 }, registeredClients: 1000000 }
tokens: { authorizationCode: 10m }
scopes: { orders.read: See your orders, orders.write: Change your orders }
upstreams: { things: 'http://127.0.0.1:${upstream}' }
routes: [{ path: /things/*, upstream: things, scope: orders.read }]
clients:
  - client_id: web
    client_secret: web-secret
    redirect_uris: [https://app.example/callback]
    grant_types: [authorization_code, refresh_token]
  - { client_id: job, client_secret: job-secret, grant_types: [client_credentials] }
accounts: [{ username: ada, password: ada-password }]
`

export const createWitness = (origin: string): Witness => {
  const families: Family[] = []
  // A step that was begun and has had no answer: whose refresh token it was.
  const unsure: Family[] = []
  const unspent: Code[] = []
  const spent: Code[] = []
  const revoked: Family[] = []
  const registered: Registered[] = []
  let acknowledged = 0

  const newClient = () => createClient(origin, 'web', { secret: 'web-secret', always: ALONE })
  const newPerson = () => createPerson('ada', 'ada-password', openBrowser(ALONE))

  const answered = <Kept>(list: Kept[], what: Kept): void => {
    acknowledged += 1
    list.push(what)
  }

  const mustBe = (wanted: number, { status, body }: JsonAnswer): JsonAnswer => {
    if (status === wanted) return { status, body, headers: new Headers() }
    throw new Unanswered(`${status} in place of ${wanted}: ${JSON.stringify(body)}`)
  }

  const codeFrom = async (person: Person): Promise<Code> => {
    const client = newClient()
    // A page that says 503 ends in an error, too.
    const callback = await person.authorize(client.authorizationUrl()).catch((cause: Error) => {
      throw new Unanswered(cause.message.split('\n', 1)[0])
    })
    if (!callback.searchParams.has('code')) throw new Unanswered(callback.href)
    return { client, callback }
  }

  const familyOf = (client: TestClient, { body }: JsonAnswer): Family => ({
    client,
    access: String(body.access_token),
    refresh: String(body.refresh_token),
  })

  const acts: readonly ((person: Person) => Promise<void>)[] = [
    async (person) => answered(unspent, await codeFrom(person)),
    async (person) => {
      const code = await codeFrom(person)
      const tokens = familyOf(code.client, mustBe(200, await code.client.redeem(code.callback)))
      // To show a code again ends what it gave: that family is kept for nothing else.
      if (Math.random() < 0.3) answered(spent, code)
      else answered(families, tokens)
    },
    async () => {
      const family = families.shift()
      if (family === undefined) return
      unsure.push(family)
      const answer = await family.client.refresh(family.refresh)
      unsure.splice(unsure.indexOf(family), 1)
      answered(families, familyOf(family.client, mustBe(200, answer)))
    },
    async () => {
      const family = families.shift()
      if (family === undefined) return
      mustBe(200, await family.client.post('revoke', { token: family.refresh }))
      answered(revoked, family)
    },
    async () => {
      const response = await fetch(`${origin}/oauth/register`, {
        method: 'POST',
        headers: { ...ALONE, 'Content-Type': 'application/json' },
        body: JSON.stringify({ redirect_uris: [`https://${randomUUID()}.example/callback`] }),
      })
      const body: Record<string, unknown> = JSON.parse(await response.text())
      if (response.status !== 201) throw new Unanswered(`registration: ${response.status}`)
      const { registration_client_uri: uri, registration_access_token: token } = body
      answered(registered, { uri: String(uri), token: String(token) })
    },
  ]

  const bearer = async (url: string, token: string): Promise<number> => {
    const response = await fetch(url, { headers: { ...ALONE, Authorization: `Bearer ${token}` } })
    await response.arrayBuffer()
    return response.status
  }
  const call = (token: string) => bearer(`${origin}/things/1`, token)

  const check = async (
    what: string,
    list: readonly unknown[],
    step: () => Promise<readonly number[]>,
    wanted: readonly number[],
  ): Promise<string[]> => {
    const found = await step()
    const wrong = found.filter((status, at) => status !== wanted[at % wanted.length])
    return wrong.length === 0 ? [] : [`${what} (${list.length}): ${found.join(' ')}`]
  }
  const statuses = <Kept>(list: readonly Kept[], steps: ((one: Kept) => Promise<number>)[]) =>
    Promise.all(list.flatMap((one) => steps.map((step) => step(one))))

  /** Whoever asks with the same refresh token at once is given one successor, and it is the only one that leads on. */
  const oneHead = async ({ client, refresh }: Family): Promise<string[]> => {
    const answers = await Promise.all([1, 2, 3].map(() => client.refresh(refresh)))
    const heads = new Set(answers.map(({ status, body }) => `${status} ${body.refresh_token}`))
    const [answer] = answers
    if (heads.size > 1 || answer?.status !== 200) return [`heads of a family: ${[...heads]}`]
    const next = await client.refresh(answer.body.refresh_token)
    const former = await client.refresh(refresh)
    return next.status === 200 && former.status === 400
      ? []
      : [`a family went on to ${next.status}, and from before to ${former.status}`]
  }

  return {
    acknowledged: () => acknowledged,
    begin(clients) {
      let stopped = false
      const run = async (): Promise<void> => {
        let person = newPerson()
        for (let turn = Math.floor(Math.random() * acts.length); !stopped; turn += 1) {
          await acts[turn % acts.length]?.(person).catch(async (error: unknown) => {
            if (error instanceof TypeError || error instanceof Unanswered) {
              person = newPerson()
              await new Promise((resolve) => setTimeout(resolve, 20))
            } else throw error
          })
        }
      }
      const running = Array.from({ length: clients }, run)
      return {
        async stop() {
          stopped = true
          await Promise.all(running)
        },
      }
    },
    async hold() {
      const some = families.slice(-20)
      const problems = [
        ...(await check(
          'tokens',
          some,
          () => statuses(some, [({ access }) => call(access)]),
          [200],
        )),
        ...(await check(
          'revoked families',
          revoked.slice(-20),
          () =>
            statuses(revoked.slice(-20), [
              ({ access }) => call(access),
              async ({ client, refresh }) => (await client.refresh(refresh)).status,
            ]),
          [401, 400],
        )),
        ...(await check(
          'registered clients',
          registered.slice(-20),
          () => statuses(registered.slice(-20), [({ uri, token }) => bearer(uri, token)]),
          [200],
        )),
        ...(await check(
          'codes',
          unspent,
          () =>
            statuses(unspent.splice(0, 20), [
              async ({ client, callback }) => (await client.redeem(callback)).status,
            ]),
          [200],
        )),
        ...(await check(
          'used codes',
          spent,
          () =>
            statuses(spent.splice(0), [
              async ({ client, callback }) => (await client.redeem(callback)).status,
            ]),
          [400],
        )),
      ]
      const heads = [...unsure.splice(0), ...families.splice(0, 5)]
      return [...problems, ...(await Promise.all(heads.map(oneHead))).flat()]
    },
  }
}
