import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OrdersApi, startOrdersApi } from '../src/demo/orders-api.ts'
import { createClient, type TestClient } from './support/client.ts'
import { type Operator, openConsole } from './support/console.ts'
import { passingTime } from './support/passing-time.ts'
import { type Portcullis, startPortcullis, until } from './support/portcullis.ts'

const configuration = (upstream: number) => `
demo: true
scopes: { orders.read: See your orders }
upstreams: { orders: "http://127.0.0.1:${upstream}", gone: "http://127.0.0.1:1" }
routes:
  - { path: /orders/*, upstream: orders, scope: orders.read }
  - { path: /gone, upstream: gone, access: public }
clients:
  - { client_id: robot, client_secret: robot, grant_types: [client_credentials] }
accounts:
  - { username: vera, password: vera, admin: viewer }
`

describe('the pictures of the overview', () => {
  let time: ReturnType<typeof passingTime>
  let orders: OrdersApi
  let portcullis: Portcullis
  let robot: TestClient
  let viewer: Operator

  beforeAll(async () => {
    orders = await startOrdersApi({ changeEvery: 0 })
    time = passingTime()
    portcullis = await startPortcullis(configuration(orders.port), { clock: time.clock })
    robot = createClient(portcullis.origin, 'robot', { secret: 'robot' })
    viewer = await openConsole(portcullis.admin, 'vera')
    // The console is there with the first who looks at it, and so are its samples: the first look has nothing before it.
    await time.pass(5)
  })
  afterAll(async () => {
    await portcullis?.stop()
    time?.close()
    await orders?.close()
  })

  const tokenOf = async () =>
    String((await robot.post('token', { grant_type: 'client_credentials' })).body.access_token)

  const ask = async (path: string, token: string, times: number) => {
    for (let n = 0; n < times; n += 1)
      await fetch(portcullis.origin + path, { headers: { Authorization: `Bearer ${token}` } })
  }

  /** Legend and line of each picture, by the id of its title and the name of the line. */
  const pictures = async () => {
    const { body } = await viewer.open('/live')
    const sections = body.split('<section class="chart" aria-labelledby="').slice(1)
    return new Map(
      sections.flatMap((section) => {
        const id = section.slice(0, section.indexOf('"'))
        const lines = [...section.matchAll(/<path class="line-\d" d="([^"]*)"/g)]
        const names = [
          ...section.matchAll(/<dt class="line-\d">([^<]*)<\/dt>\s*<dd>([^<]*)<\/dd>/g),
        ]
        return names.map(([, name = '', value = ''], at) => [
          `${id}: ${name}`,
          { value, line: lines[at]?.[1] ?? '' },
        ])
      }),
    )
  }

  /** The heights of a line, from 0 below to 1 at the top. */
  const heights = (line = '') =>
    [...line.matchAll(/[ML][\d.]+ ([\d.]+)/g)].map(([, y]) => 1 - Number(y) / 120)

  const afterMore = async (points: number) => {
    await until(async () => heights((await pictures()).get('requests: all')?.line).length > points)
    return pictures()
  }

  it('show traffic, refusals, failures, time taken and hits of memory as they were, five seconds at a time', async () => {
    const token = await tokenOf()
    await time.pass(5)
    const before = heights((await pictures()).get('requests: all')?.line).length
    await ask('/orders', token, 10)
    await ask('/orders', 'nobody', 5)
    await ask('/gone', token, 5)
    await time.pass(5)
    const seen = await afterMore(before)
    expect(seen.get('requests: all')?.value).toBe('4.0')
    expect(seen.get('requests: refused (4xx)')?.value).toBe('1.0')
    expect(seen.get('requests: failed (5xx)')?.value).toBe('1.0')
    expect(heights(seen.get('requests: all')?.line).at(-1)).toBeCloseTo(4 / 5, 2)
    expect(seen.get('latency: 99 of 100, at most')?.value).toMatch(/^[\d.]+ m?s$/)
    expect(seen.get('hits: share')?.value).toMatch(/^(9\d(\.\d)?|100) %$/)
  })

  it('a stretch alone between two without requests is a dot that can be seen', async () => {
    const token = await tokenOf()
    const before = heights((await pictures()).get('requests: all')?.line).length
    await time.pass(5)
    await afterMore(before)
    await time.pass(5)
    await afterMore(before + 1)
    await ask('/orders', token, 1)
    await time.pass(5)
    await afterMore(before + 2)
    await time.pass(5)
    const seen = await afterMore(before + 3)
    expect(seen.get('latency: half of them, at most')).toMatchObject({ value: '–' })
    expect(seen.get('latency: half of them, at most')?.line).toMatch(/M[\d.]+ [\d.]+h0$/)
    expect(seen.get('requests: all')?.value).toBe('0.0')
  })

  it('a revocation shows how long it took to arrive', async () => {
    const token = await tokenOf()
    await ask('/orders', token, 1)
    await robot.post('revoke', { token })
    const before = heights((await pictures()).get('requests: all')?.line).length
    await time.pass(5)
    const seen = await afterMore(before)
    expect(seen.get('lag: last one')?.value).toMatch(/^[\d.]+ ms$/)
  })
})
