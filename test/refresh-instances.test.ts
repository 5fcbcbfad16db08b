import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashPassword } from '../src/store/passwords.ts'
import { createClient, type TestClient } from './support/client.ts'
import { createPerson } from './support/person.ts'
import { type Portcullis, spawnPortcullis, startPortcullis, until } from './support/portcullis.ts'
import { ok, type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.ts'
import { temporaryFolder } from './support/stores.ts'

const configuration = (file: string, upstream: string, password: string): string => `
store: sqlite:${file}
secret: a secret that both instances have
scopes: { orders.read: See your orders, orders.write: Change your orders }
upstreams: { orders: ${upstream} }
routes: [{ path: /orders/*, upstream: orders, scope: orders.read }]
tokens: { accessToken: 10m, refreshToken: 1h, grant: 2h }
clients:
  - client_id: web
    client_secret: web-secret
    redirect_uris: [https://app.example/callback]
    grant_types: [authorization_code, refresh_token]
  - client_id: patient
    client_secret: patient-secret
    redirect_uris: [https://app.example/callback]
    grant_types: [authorization_code, refresh_token]
    tokens: { refreshRetry: 30m }
accounts: [{ username: ada, password: '${password}' }]
`

const folder = temporaryFolder()
let upstream: RecordingUpstream
let password = ''

beforeAll(async () => {
  upstream = await startRecordingUpstream(() => ok('an order'))
  password = await hashPassword('ada-password')
})
afterAll(async () => {
  await upstream.close()
  folder.remove()
})

describe('refresh tokens at two instances on one store', () => {
  let instances: readonly [Portcullis, Portcullis]
  let now = Math.floor(Date.now() / 1000)
  let counted = { retried: 0, replayed: 0 }
  const ada = createPerson('ada', 'ada-password')

  beforeAll(async () => {
    const yaml = configuration(join(folder.path, 'clock.db'), upstream.origin, password)
    const start = () => startPortcullis(yaml, { clock: () => now })
    instances = [await start(), await start()]
  })
  afterAll(() => Promise.all(instances.map((instance) => instance.stop())))

  /** The same client, as it is seen by each of the instances. */
  const clients = (client_id = 'web'): readonly [TestClient, TestClient] => {
    const at = ({ origin }: Portcullis) =>
      createClient(origin, client_id, { secret: `${client_id}-secret` })
    return [at(instances[0]), at(instances[1])]
  }
  const begin = async (client_id = 'web') => {
    const [one, two] = clients(client_id)
    const { body } = await one.redeem(await ada.authorize(one.authorizationUrl()))
    return { one, two, access: String(body.access_token), refresh: String(body.refresh_token) }
  }
  const isGood = async (token: unknown) => {
    const answers = instances.map(({ origin }) =>
      fetch(`${origin}/orders/1`, { headers: { Authorization: `Bearer ${token}` } }),
    )
    const statuses = (await Promise.all(answers)).map(({ status }) => status)
    return statuses.every((status) => status === 200)
  }
  const events = (name: string) =>
    instances.flatMap(({ logged }) => logged.filter(({ event }) => event === name))
  const metric = async (event: string): Promise<number> => {
    const texts = instances.map(async ({ admin }) => (await fetch(`${admin}/metrics`)).text())
    const counts = (await Promise.all(texts)).map((text) =>
      Number(
        new RegExp(`portcullis_events_total\\{event="${event}"\\} (\\d+)`).exec(text)?.[1] ?? 0,
      ),
    )
    return counts.reduce((sum, count) => sum + count, 0)
  }
  const sinceLast = async () => {
    const counts = {
      retried: await metric('refresh.retried'),
      replayed: await metric('grant.replayed'),
    }
    const since = {
      retried: counts.retried - counted.retried,
      replayed: counts.replayed - counted.replayed,
    }
    counted = counts
    return since
  }

  it('6749-53, A6 (a, c) five within a second and one 50 s later get one and the same successor, and are counted', async () => {
    await sinceLast()
    const { one, two, access, refresh } = await begin()
    const five = [one, two, one, two, one].map((client) => client.refresh(refresh))
    const answers = await Promise.all(five)
    now += 50
    answers.push(await two.refresh(refresh))
    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(200))
    expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1)
    for (const { body } of answers) expect(await isGood(body.access_token)).toBe(true)
    expect(await isGood(access)).toBe(true)
    expect(await sinceLast()).toEqual({ retried: 5, replayed: 0 })
    expect((await one.refresh(answers[0]?.body.refresh_token)).status).toBe(200)
  })

  it('A6 (b, e) one after the successor was used ends the grant at both, with an event and in the metrics', async () => {
    await sinceLast()
    const { one, two, access, refresh } = await begin()
    const first = await one.refresh(refresh)
    const second = await two.refresh(first.body.refresh_token)
    expect(await isGood(second.body.access_token)).toBe(true)
    expect((await one.refresh(refresh)).body.error).toBe('invalid_grant')
    for (const token of [access, first.body.access_token, second.body.access_token])
      await until(async () => !(await isGood(token)))
    for (const client of [one, two]) {
      const answer = await client.refresh(second.body.refresh_token)
      expect(answer.body.error).toBe('invalid_grant')
    }
    expect(await sinceLast()).toEqual({ retried: 0, replayed: 1 })
    expect(events('grant.replayed').at(-1)?.fields).toMatchObject({
      ...{ what: 'refresh_token', client_id: 'web', sub: 'ada' },
    })
  })

  it('A6 (c) one that comes later ends the grant, although the successor was never used', async () => {
    const { one, two, access, refresh } = await begin()
    const { body } = await one.refresh(refresh)
    now += 61
    expect((await two.refresh(refresh)).body.error).toBe('invalid_grant')
    expect((await one.refresh(body.refresh_token)).body.error).toBe('invalid_grant')
    await until(async () => !(await isGood(access)))
  })

  it('A6 (d) two steps back is a replay at once, wherever it comes', async () => {
    const { one, two, refresh } = await begin()
    const first = await one.refresh(refresh)
    const second = await two.refresh(first.body.refresh_token)
    expect((await two.refresh(refresh)).body.error).toBe('invalid_grant')
    expect((await one.refresh(second.body.refresh_token)).body.error).toBe('invalid_grant')
  })

  it('A6 (f) another client neither gets it nor ends it', async () => {
    const { one, refresh } = await begin()
    const [, other] = clients('patient')
    expect((await other.refresh(refresh)).body.error).toBe('invalid_grant')
    now += 61
    expect((await other.refresh(refresh)).body.error).toBe('invalid_grant')
    expect((await one.refresh(refresh)).status).toBe(200)
  })

  it('A6 (c) a client with a window of its own, 30m at most, has it at both', async () => {
    const { one, two, refresh } = await begin('patient')
    const first = await one.refresh(refresh)
    now += 1790
    const again = await two.refresh(refresh)
    expect(again.body.refresh_token).toBe(first.body.refresh_token)
    now += 11
    expect((await two.refresh(refresh)).body.error).toBe('invalid_grant')
  })

  it('6749-53 whoever never heard an answer goes on with the next one', async () => {
    const { one, two, refresh } = await begin()
    let held = refresh
    for (let use = 0; use < 6; use += 1) {
      // The first answer is lost on its way.
      await one.refresh(held)
      now += 20
      const { status, body } = await two.refresh(held)
      expect(status).toBe(200)
      held = String(body.refresh_token)
    }
  })

  it('6749-52 less scope is for that access token alone, and nothing exceeds the grant', async () => {
    const { one, two, refresh } = await begin()
    const narrow = await one.refresh(refresh, { scope: 'orders.read' })
    const more = await two.refresh(narrow.body.refresh_token, { scope: 'orders.read admin' })
    expect([more.status, more.body.error]).toEqual([400, 'invalid_scope'])
    const retried = await two.refresh(refresh, { scope: 'orders.write' })
    expect(retried.body).toMatchObject({
      ...{ scope: 'orders.write', refresh_token: narrow.body.refresh_token },
    })
    expect((await two.refresh(narrow.body.refresh_token)).body.scope).toBe(
      'orders.read orders.write',
    )
  })

  it('6749-51 it ends when it is not used for tokens.refreshToken, at whichever instance', async () => {
    const { one, two, refresh } = await begin()
    now += 3500
    const { body } = await one.refresh(refresh)
    expect(body.expires_in).toBe(600)
    now += 3601
    expect((await two.refresh(body.refresh_token)).body.error).toBe('invalid_grant')
  })

  it('6749-46 expires_in is what is left: never beyond tokens.grant, and nothing is good afterwards', async () => {
    const { one, two, refresh } = await begin()
    now += 3500
    const first = await one.refresh(refresh)
    now += 3400
    const { body } = await two.refresh(first.body.refresh_token)
    expect(body.expires_in).toBe(300)
    const known = await one.post('introspect', { token: String(body.access_token) })
    expect(known.body.exp).toBe(now + 300)
    now += 299
    expect(await isGood(body.access_token)).toBe(true)
    now += 1
    expect(await isGood(body.access_token)).toBe(false)
    expect((await one.refresh(body.refresh_token)).body.error).toBe('invalid_grant')
  })

  it('7009-05, A30 a revocation at one instance is heard at the other', async () => {
    const { one, access, refresh } = await begin()
    const { body } = await one.refresh(refresh)
    expect(await isGood(access)).toBe(true)
    await one.post('revoke', { token: access })
    await until(async () => !(await isGood(access)), 1)
    expect(await isGood(body.access_token)).toBe(true)
    await one.post('revoke', { token: String(body.refresh_token) })
    await until(async () => !(await isGood(body.access_token)), 1)
  })
})

describe('refresh tokens at two processes on one store', () => {
  it('6749-53, A6 (a) twenty at once and five more get one and the same successor', async () => {
    const yaml = configuration(join(folder.path, 'processes.db'), upstream.origin, password)
    const processes = [await spawnPortcullis(yaml), await spawnPortcullis(yaml)]
    try {
      const clients = processes.map(({ origin }) =>
        createClient(origin, 'web', { secret: 'web-secret' }),
      )
      const [first] = clients
      if (!first) throw new Error('no process')
      const ada = createPerson('ada', 'ada-password')
      const { body } = await first.redeem(await ada.authorize(first.authorizationUrl()))
      const present = (count: number) =>
        Promise.all(
          Array.from({ length: count }, (_, at) =>
            (clients[at % 2] ?? first).refresh(body.refresh_token),
          ),
        )
      const answers = [...(await present(20)), ...(await present(5))]
      expect(answers.map(({ status }) => status)).toEqual(Array(25).fill(200))
      const successors = new Set(answers.map((answer) => answer.body.refresh_token))
      expect(successors.size).toBe(1)
      expect((await first.refresh([...successors][0])).status).toBe(200)
    } finally {
      await Promise.all(processes.map((process) => process.stop()))
    }
  })
})
