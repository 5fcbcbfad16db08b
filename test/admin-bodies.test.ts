import { get } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { madeToken } from './support/admin.ts'
import { csrfIn } from './support/console.ts'
import { ask } from './support/over-tls.ts'
import { type Portcullis, spawnPortcullis, startPortcullis, until } from './support/portcullis.ts'
import { exchange } from './support/raw-client.ts'
import { openRaw } from './support/raw-sockets.ts'

const CONFIGURATION = `
demo: true
accounts:
  - { username: olga, password: olga, admin: owner }
`
const FORM = 'Content-Type: application/x-www-form-urlencoded'

let portcullis: Portcullis
let port: number
let token: string

beforeAll(async () => {
  portcullis = await startPortcullis(CONFIGURATION)
  port = Number(new URL(portcullis.admin).port)
  token = await madeToken(portcullis.folder)
})
afterAll(() => portcullis.stop())

const head = (request: string, ...fields: readonly string[]): string =>
  [request, 'Host: localhost', ...fields, '', ''].join('\r\n')

/** A request whose body begins and never ends: what came back by the time that the connection was over. */
const slow = async (bytes: string): Promise<string> => {
  const client = await openRaw(port)
  client.send(bytes)
  await until(() => client.state() !== 'open', 60)
  return client.received()
}

describe('A36 who sends a body slowly to the admin listener holds nothing for ever', () => {
  it.concurrent.each<[string, () => string, RegExp]>([
    [
      'a form of the console',
      () => head('POST /sign-in HTTP/1.1', FORM, 'Content-Length: 100'),
      /^HTTP\/1\.1 408 [\s\S]*took too long/,
    ],
    [
      'a form in chunks',
      () => head('POST /sign-out HTTP/1.1', FORM, 'Transfer-Encoding: chunked'),
      /^HTTP\/1\.1 408 [\s\S]*took too long/,
    ],
    [
      'a body of the API',
      () =>
        head(
          'POST /api/v1/clients HTTP/1.1',
          `Authorization: Bearer ${token}`,
          ...['Content-Type: application/json', 'Content-Length: 100'],
        ),
      /^HTTP\/1\.1 408 [\s\S]*request_timeout/,
    ],
    [
      'a body that nobody reads',
      () => head('POST /healthz HTTP/1.1', 'Content-Length: 100'),
      /^HTTP\/1\.1 405 /,
    ],
  ])(
    '%s: it is answered, and its connection ends',
    async (_, bytes, answer) => {
      expect(await slow(`${bytes()}1\r\na`)).toMatch(answer)
    },
    70_000,
  )
})

describe('A36 who sends much', () => {
  it.each([
    ['by its length', `Content-Length: 70000`],
    ['in chunks', 'Transfer-Encoding: chunked'],
  ])('a form over 64 KiB is 413, %s, and its connection ends', async (_, field) => {
    const bytes = `11170\r\n${'a'.repeat(70_000)}\r\n0\r\n\r\n`
    const answer = await exchange(port, head('POST /sign-in HTTP/1.1', FORM, field) + bytes)
    expect([answer.status, answer.values('connection')]).toEqual([413, ['close']])
    expect(answer.body).toContain('64 KiB')
  })

  it.each([
    ['of another type', ['Content-Type: application/json']],
    ['that is compressed', [FORM, 'Content-Encoding: gzip']],
  ])('a form %s is 415', async (_, fields) => {
    const bytes = `${head('POST /sign-in HTTP/1.1', ...fields, 'Content-Length: 2')}{}`
    expect((await exchange(port, bytes)).status).toBe(415)
  })
})

describe('A13 wrong admin tokens', () => {
  const call = (given: string, localAddress = '127.0.0.1') =>
    ask(`${portcullis.admin}/api/v1/scopes`, {
      headers: { Authorization: `Bearer ${given}` },
      localAddress,
    })

  it('are slowed down, 20 in ten minutes from one address, and the right one is let through all the same', async () => {
    const statuses: number[] = []
    for (let at = 0; at < 21; at += 1) statuses.push((await call(`guess-${at}`)).status)
    expect(statuses).toEqual([...Array(20).fill(401), 429])
    const refused = await call('another')
    expect(refused.status).toBe(429)
    expect(refused.headers['content-type']).toBe('application/problem+json')
    expect(JSON.parse(refused.body)).toMatchObject({ error: 'temporarily_unavailable' })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect((await call(token)).status).toBe(200)
    expect((await call('elsewhere', '127.0.0.2')).status).toBe(401)
    expect((await call('another')).status).toBe(429)
  })

  it('a sign-in at the console from there is another matter', async () => {
    const page = await ask(`${portcullis.admin}/sign-in`)
    const cookie = page.headers['set-cookie']?.[0]?.split(';', 1)[0] ?? ''
    const form = { csrf: csrfIn(page.body), username: 'olga', password: 'olga' }
    const { status } = await ask(`${portcullis.admin}/sign-in`, {
      method: 'POST',
      headers: {
        ...{ 'Content-Type': 'application/x-www-form-urlencoded', Cookie: cookie },
        Origin: portcullis.admin,
      },
      body: new URLSearchParams(form).toString(),
    })
    expect(status).toBe(303)
  })
})

describe('RFC 9110 §10.1.1 who waits for 100 Continue before the body', () => {
  it.each([
    [
      'the API',
      () => head('POST /api/v1/explain HTTP/1.1', `Authorization: Bearer ${token}`, ...JSON_OF(2)),
      '{}',
      400,
    ],
    [
      'the console',
      () => head('POST /sign-in HTTP/1.1', FORM, 'Content-Length: 1', EXPECT),
      'x',
      403,
    ],
  ] as const)('gets it from %s, and then the answer', async (_, request, body, status) => {
    const client = await openRaw(port)
    client.send(request())
    await until(() => client.received().startsWith('HTTP/1.1 100 Continue\r\n\r\n'))
    client.send(body)
    await until(() => client.received().includes(`HTTP/1.1 ${status} `))
  })
})

const EXPECT = 'Expect: 100-continue'
const JSON_OF = (length: number) => [
  'Content-Type: application/json',
  `Content-Length: ${length}`,
  EXPECT,
]

describe('a listener for IPv6 that takes IPv4 as well', () => {
  it('A5 tells addresses of IPv4 apart: one that guesses tokens does not count for another', async () => {
    const both = await startPortcullis('', { admin: { host: '[::]' } })
    try {
      const at = Number(new URL(both.admin).port)
      const guess = (localAddress: string) =>
        new Promise<number | undefined>((resolve, reject) => {
          const headers = { Host: 'localhost', Authorization: 'Bearer guessed' }
          const options = {
            host: '127.0.0.1',
            port: at,
            path: '/api/v1/routes',
            localAddress,
            headers,
          }
          get(options, (answer) => resolve(answer.resume().statusCode)).on('error', reject)
        })
      const statuses: (number | undefined)[] = []
      for (let n = 0; n < 22; n += 1) statuses.push(await guess('127.0.0.66'))
      expect(statuses.at(-1)).toBe(429)
      expect(await guess('127.0.0.1')).toBe(401)
      expect(
        both.logged.filter(({ event }) => event === 'admin.refused').at(-1)?.fields.remote,
      ).toBe('127.0.0.1')
    } finally {
      await both.stop()
    }
  })
})

describe('contract §6.5, §6.8 whoever connects to the admin listener and says nothing', () => {
  it('does not take the files that the public listener needs', async () => {
    const few = await spawnPortcullis(CONFIGURATION, { files: 256 })
    try {
      const { port: at } = new URL(few.admin)
      const idle = await Promise.all(Array.from({ length: 280 }, () => openRaw(Number(at))))
      for (let n = 0; n < 20; n += 1)
        expect((await fetch(`${few.origin}/nothing`)).status).toBe(404)
      for (const client of idle) client.socket.destroy()
      await until(
        async () => (await fetch(`${few.admin}/healthz`).catch(() => undefined))?.status === 200,
      )
    } finally {
      await few.stop()
    }
  }, 60_000)
})
