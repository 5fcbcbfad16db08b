import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { createAuthority } from './support/certificates.ts'
import { BASE, configurations } from './support/configuration.ts'
import { startGateway, type UpstreamGiven } from './support/gateway.ts'
import { bearer, exchange, message } from './support/raw-client.ts'
import { openRaw, until } from './support/raw-sockets.ts'

const running: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.close()
})

const authority = createAuthority()
const stranger = createAuthority('somebody else')
const selfSigned = createAuthority('localhost')
const good = authority.issue('DNS:localhost,IP:127.0.0.1')

type Greeting = { readonly servername: string; readonly peer: string; readonly reused: boolean }

/** Answers each request with 200, and notes what the handshake said. */
const startTls = async (options: TlsOptions, host = '127.0.0.1') => {
  const greetings: Greeting[] = []
  let requests = 0
  const sockets = new Set<TLSSocket>()
  const server = createServer({ minVersion: 'TLSv1.2', ...options }, (socket) => {
    sockets.add(socket)
    greetings.push({
      servername: socket.servername || '',
      peer: String(socket.getPeerCertificate().subject?.CN ?? ''),
      reused: socket.isSessionReused(),
    })
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      requests += 1
      const text = bytes.toString('latin1')
      const [key] = /(?<=sec-websocket-key: )\S+/i.exec(text) ?? []
      socket.write(key === undefined ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok' : FORBIDDEN)
    })
  })
  server.on('tlsClientError', () => {})
  await once(server.listen(0, host), 'listening')
  const one = {
    port: (server.address() as AddressInfo).port,
    greetings,
    requests: () => requests,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  running.push(one)
  return one
}

const FORBIDDEN = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'

const ask = async (upstream: UpstreamGiven) => {
  const gateway = await startGateway({
    upstreams: { orders: upstream },
    routes: [{ path: '/orders/*' }],
  })
  running.push(gateway)
  const token = gateway.token()
  const answer = await exchange(gateway.port, message('GET /orders/1', [bearer(token)]))
  return { gateway, answer, token }
}

describe('P32 upstream TLS', () => {
  it('P32 a certificate of the own authority is taken, and the name is asked for (SNI)', async () => {
    const server = await startTls(good)
    const { answer } = await ask({
      targets: [`https://localhost:${server.port}`],
      tls: { ca: authority.ca },
    })
    expect(answer.status).toBe(200)
    expect(server.greetings).toEqual([{ servername: 'localhost', peer: '', reused: false }])
  })

  it('P32 an address is verified as one, and not asked for by SNI', async () => {
    const server = await startTls(good)
    const { answer } = await ask({
      targets: [`https://127.0.0.1:${server.port}`],
      tls: { ca: authority.ca },
    })
    expect(answer.status).toBe(200)
    expect(server.greetings[0]?.servername).toBe('')
  })

  it.each<[string, () => TlsOptions, string, string, RegExp]>([
    [
      'self-signed',
      () => ({ cert: selfSigned.ca, key: selfSigned.key }),
      'localhost',
      '',
      /DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE/,
    ],
    [
      'of an authority that is not trusted',
      () => stranger.issue('DNS:localhost'),
      'localhost',
      authority.ca,
      /UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_SIGNATURE_FAILURE|SELF_SIGNED/,
    ],
    [
      'of an authority that only the configuration would have to name',
      () => good,
      'localhost',
      '',
      /UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/,
    ],
    [
      'that has expired',
      () => authority.issue('DNS:localhost', -1),
      'localhost',
      authority.ca,
      /CERT_HAS_EXPIRED/,
    ],
    [
      'of another host',
      () => authority.issue('DNS:other.example'),
      'localhost',
      authority.ca,
      /ERR_TLS_CERT_ALTNAME_INVALID/,
    ],
    [
      'of a name, for an address',
      () => authority.issue('DNS:127.0.0.1'),
      '127.0.0.1',
      authority.ca,
      /ERR_TLS_CERT_ALTNAME_INVALID/,
    ],
    [
      'of a wildcard that is too wide',
      () => authority.issue('DNS:*'),
      'localhost',
      authority.ca,
      /ERR_TLS_CERT_ALTNAME_INVALID/,
    ],
  ])(
    'P32 a certificate %s is refused with 502, and the log says why',
    async (_, make, host, ca, why) => {
      const server = await startTls(make())
      const { gateway, answer } = await ask({
        targets: [`https://${host}:${server.port}`],
        ...(ca && { tls: { ca } }),
      })
      expect(answer.status).toBe(502)
      expect(server.requests()).toBe(0)
      expect(answer.body).not.toMatch(/localhost|127\.0|cert|example|CERT/)
      const line = gateway.logged.find(({ event }) => event === 'upstream.failed')
      expect(line?.fields).toMatchObject({
        upstream: 'orders',
        target: `https://${host}:${server.port}`,
        error: expect.stringMatching(why),
      })
      await until('the exchange', () => gateway.exchanges.length === 1)
      expect(gateway.exchanges[0]?.error).toBe('upstream.tls')
      expect(line?.fields.request_id).toBe(gateway.exchanges[0]?.id)
    },
  )

  it('P32 a server that speaks no TLS 1.2 is refused', async () => {
    const old = {
      ...good,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    }
    const server = await startTls(old as TlsOptions)
    const { gateway, answer } = await ask({
      targets: [`https://localhost:${server.port}`],
      tls: { ca: authority.ca },
    })
    expect(answer.status).toBe(502)
    expect(gateway.logged.some(({ event }) => event === 'upstream.failed')).toBe(true)
  })

  it('P32 NODE_TLS_REJECT_UNAUTHORIZED=0 changes nothing', async () => {
    const server = await startTls(stranger.issue('DNS:localhost'))
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    try {
      const { answer } = await ask({ targets: [`https://localhost:${server.port}`] })
      expect(answer.status).toBe(502)
      expect(server.requests()).toBe(0)
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    }
  })

  it('P32 tls.servername is asked for and verified in place of the host', async () => {
    const server = await startTls(authority.issue('DNS:orders.internal'))
    const given = {
      targets: [`https://127.0.0.1:${server.port}`],
      tls: { ca: authority.ca, servername: 'orders.internal' },
    }
    expect((await ask(given)).answer.status).toBe(200)
    expect(server.greetings[0]?.servername).toBe('orders.internal')
    const wrong = { ...given, tls: { ...given.tls, servername: 'billing.internal' } }
    expect((await ask(wrong)).answer.status).toBe(502)
  })

  it('P32 a Host field of the client changes neither SNI nor what is verified', async () => {
    const server = await startTls(good)
    const gateway = await startGateway({
      upstreams: {
        orders: { targets: [`https://localhost:${server.port}`], tls: { ca: authority.ca } },
      },
      routes: [{ path: '/orders/*', access: 'public', upstreamHost: 'keep' }],
    })
    running.push(gateway)
    for (const host of ['evil.example', '127.0.0.1', 'other.example:8443']) {
      const answer = await exchange(gateway.port, message('GET /orders/1', [`Host: ${host}`]))
      expect(answer.status).toBe(200)
    }
    expect(new Set(server.greetings.map(({ servername }) => servername))).toEqual(
      new Set(['localhost']),
    )
    // One connection for all of them: nobody makes us shake hands again by sending another Host.
    expect(server.greetings.length).toBe(1)
  })

  it('a client certificate is shown to who asks for it', async () => {
    const server = await startTls({
      ...good,
      ca: authority.ca,
      requestCert: true,
      rejectUnauthorized: true,
    })
    const targets = [`https://localhost:${server.port}`]
    const shown = authority.issue('DNS:gateway.example')
    expect((await ask({ targets, tls: { ca: authority.ca, ...shown } })).answer.status).toBe(200)
    expect(server.greetings[0]?.peer).toBe('target')
    const { answer, gateway } = await ask({ targets, tls: { ca: authority.ca } })
    expect(answer.status).toBe(502)
    await until('the exchange', () => gateway.exchanges.length === 1)
    expect(server.requests()).toBe(1)
  })

  it('P32 WebSocket handshakes are held to the same', async () => {
    const handshake = [
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    ]
    const upgrade = async (given: UpstreamGiven) => {
      const { gateway, token } = await ask(given)
      const client = await openRaw(gateway.port)
      client.send(message('GET /orders/ws', [bearer(token), ...handshake]))
      await until('an answer', () => client.received().includes('\r\n\r\n'))
      client.socket.destroy()
      return { status: Number(client.received().slice(9, 12)), gateway }
    }
    const server = await startTls(good)
    const targets = [`https://localhost:${server.port}`]
    // The upstream's own answer shows that it was asked.
    expect((await upgrade({ targets, tls: { ca: authority.ca } })).status).toBe(403)
    expect(server.greetings.at(-1)?.servername).toBe('localhost')
    const before = server.requests()
    const { status, gateway } = await upgrade({ targets, tls: { ca: stranger.ca } })
    expect(status).toBe(502)
    expect(server.requests()).toBe(before)
    expect(gateway.logged.map(({ event }) => event)).toContain('upgrade.failed')
  })

  it('a health check is held to the same', async () => {
    const server = await startTls(stranger.issue('DNS:localhost'))
    const gateway = await startGateway({
      upstreams: {
        orders: {
          targets: [`https://localhost:${server.port}`],
          tls: { ca: authority.ca },
          health: { path: '/healthz', interval: 0.1, timeout: 2 },
        },
      },
      routes: [{ path: '/orders/*' }],
    })
    running.push(gateway)
    await until('unwell', () => gateway.logged.some(({ event }) => event === 'upstream.unhealthy'))
    expect(server.requests()).toBe(0)
  })
})

describe('upstreams.*.tls', () => {
  const { configOf, problemsOf, folder, warningsOf } = configurations()
  const yaml = (tls: string) =>
    `${BASE.replace(/upstreams:.*\n/, '')}upstreams:\n  a:\n    targets: ['https://a.example']\n    tls: ${tls}\n`

  it('files are looked for from the folder of the configuration, PEM is taken as it is', async () => {
    writeFileSync(join(folder(), 'ca.pem'), authority.ca)
    const { upstreams } = await configOf(yaml('{ ca: ca.pem, servername: B.example }'))
    expect(upstreams.get('a')?.tls).toEqual({ ca: authority.ca, servername: 'b.example' })
    const inline = await configOf(yaml('{ ca: "$' + '{CA}" }'), { CA: authority.ca })
    expect(inline.upstreams.get('a')?.tls).toEqual({ ca: authority.ca })
  })

  it('what cannot be read, is no certificate, or does not belong together is told with its line', async () => {
    writeFileSync(join(folder(), 'cert.pem'), good.cert)
    writeFileSync(join(folder(), 'key.pem'), good.key)
    writeFileSync(join(folder(), 'other.pem'), authority.issue('DNS:x').key)
    const missing = join(folder(), 'none.pem')
    expect(await problemsOf(yaml('{ ca: none.pem }'))).toEqual([
      `6:16 upstreams.a.tls.ca: needs the file ${missing}, which is not there`,
    ])
    expect(await problemsOf(yaml('{ ca: key.pem }'))).toEqual([
      '6:16 upstreams.a.tls.ca: has no certificate in it',
    ])
    expect(await problemsOf(yaml('{ cert: cert.pem }'))).toEqual([
      '6:18 upstreams.a.tls.cert: needs key, its private key',
    ])
    expect(await problemsOf(yaml('{ cert: cert.pem, key: other.pem }'))).toEqual([
      '6:33 upstreams.a.tls.key: is not the key of the certificate',
    ])
    expect(await problemsOf(yaml('{ cert: cert.pem, key: key.pem }'))).toEqual([])
  })

  it('tls without an https target is warned of', async () => {
    const plain = yaml('{ servername: b.example }').replace('https://a', 'http://a')
    expect(await warningsOf(plain)).toContain(
      '6:10 upstreams.a.tls: has no effect: no target is https',
    )
  })
})
