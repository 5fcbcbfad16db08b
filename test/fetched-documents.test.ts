import type { RequestListener } from 'node:http'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { DocumentUnavailable } from '../src/oauth/documents.ts'
import { createFetchDocument, type Resolve, resolveBy } from '../src/oauth/fetch-document.ts'
import { createAddressCheck } from '../src/oauth/public-address.ts'
import { type DocumentHost, json, startDocumentHost } from './support/document-host.ts'
import { startNameServer } from './support/name-server.ts'

const LOOPBACK = ['127.0.0.0/8', '::1']
let host: DocumentHost

beforeAll(async () => {
  host = await startDocumentHost()
})
afterAll(() => host.stop())
afterEach(() => {
  host.answer = json({ keys: [] })
})

const url = (name = 'localhost', path = '/jwks.json') => `https://${name}:${host.port}${path}`
const within = (options: { resolve?: Resolve; deadline?: number } = {}) =>
  createFetchDocument(
    { privateNetworks: LOOPBACK, ca: host.ca },
    // Long enough for a machine that others use, where time is not what is tested.
    { deadline: 30_000, ...options },
  )
const reasonOf = async (fetched: Promise<string>): Promise<string> => {
  const failed = await fetched.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(failed).toBeInstanceOf(DocumentUnavailable)
  return (failed as Error).message
}

describe('where a document that a stranger names may be', () => {
  it.each([
    'https://127.0.0.1',
    'https://[::1]',
    'https://[::ffff:127.0.0.1]',
    'https://[::ffff:7f00:1]',
    'https://[::127.0.0.1]',
    'https://[64:ff9b::127.0.0.1]',
    'https://0',
    'https://0.0.0.0',
    'https://0177.1',
    'https://0x7f.1',
    'https://127.1',
    'https://2130706433',
    'https://１２７.０.０.１',
    'https://localhost',
    'https://LOCALHOST',
    'https://a.localhost',
    'https://127.0.0.1.',
    'https://169.254.169.254',
    'https://10.0.0.1',
    'https://[fd00::1]',
    'https://[fe80::1]',
    'http://localhost',
    'http://93.184.216.34',
    'file:///etc/passwd#',
    'gopher://localhost',
    'ftp://localhost',
    'data:application/json,{}#',
    'https://user:password@localhost',
    'https://user@localhost',
    'https://local\0host',
    'https://[fe80::1%25eth0]',
    'https://',
    '//localhost',
    '',
  ])('A20 nothing is fetched from %s', async (origin) => {
    const before = host.connections()
    const fetch = createFetchDocument({ privateNetworks: [], ca: host.ca })
    await reasonOf(fetch(`${origin}:${host.port}/jwks.json`))
    expect(host.connections()).toBe(before)
  })

  it.each(['22', '25', '80', '1023'])('A20 nothing is fetched from port %s', async (port) => {
    expect(await reasonOf(within()(`https://localhost:${port}/`))).toMatch(/port/)
  })

  it('A20 every address that DNS has of a host counts, and the connection goes to one of those, whatever DNS says next', async () => {
    const before = host.connections()
    const answers = [['93.184.216.34', '127.0.0.1'], ['::ffff:127.0.0.1'], ['127.0.0.1'], []]
    for (const addresses of answers) {
      const fetch = createFetchDocument(
        { privateNetworks: [], ca: host.ca },
        { resolve: async () => addresses },
      )
      await reasonOf(fetch(url('keys.example')))
    }
    expect(host.connections()).toBe(before)
    let asked = 0
    const rebinding: Resolve = async () => {
      asked += 1
      return asked === 1 ? ['127.0.0.1'] : ['10.0.0.1']
    }
    expect(await within({ resolve: rebinding })(url('keys.example'))).toBe('{"keys":[]}')
    expect([asked, host.asked.at(-1)?.name]).toEqual([1, 'keys.example'])
  })

  it('A20 DNS is asked once, for both families, and what it says next is not heard (rebinding)', async () => {
    const names = await startNameServer()
    const resolve = resolveBy([names.address])
    const answers = [['127.0.0.1'], ['10.0.0.1']]
    names.answer = () => answers[names.asked.length > 2 ? 1 : 0]
    expect(await within({ resolve })(url('keys.example'))).toBe('{"keys":[]}')
    expect([...names.asked].sort()).toEqual(['A keys.example', 'AAAA keys.example'])
    const strict = createFetchDocument({ privateNetworks: [], ca: host.ca }, { resolve })
    names.answer = () => ['93.184.216.34', '127.0.0.1']
    expect(await reasonOf(strict(url('keys.example')))).toMatch(/not public/)
    names.answer = () => []
    expect(await reasonOf(within({ resolve })(url('nobody.example')))).toMatch(/no address/)
    names.answer = () => undefined
    expect(await reasonOf(within({ resolve, deadline: 200 })(url('keys.example')))).toMatch(
      /too long/,
    )
    names.stop()
  })

  it('A20 addresses that only some networks have are not public, in either family', () => {
    const isPublic = createAddressCheck([])
    const special =
      '0.1.2.3 10.255.255.255 100.64.0.1 100.127.255.255 127.255.255.254 169.254.0.1 172.16.0.1 172.31.255.255 ' +
      '192.0.0.1 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 ' +
      '239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::ffff:8.8.8.8 64:ff9b::808:808 100::1 2001::1 2001:2::1 ' +
      '2001:db8::1 2002:7f00:1::1 3fff::1 5f00::1 fc00::1 fdff::1 fe80::1 fec0::1 ff02::1 4000::1'
    const known =
      '1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.0.0.1 172.15.0.1 172.32.0.1 ' +
      '192.167.0.1 198.17.0.1 198.20.0.1 223.255.255.255 2606:4700::1111 2a00:1450::1 2003::1'
    expect(special.split(' ').filter(isPublic)).toEqual([])
    expect(known.split(' ').filter((address) => !isPublic(address))).toEqual([])
  })

  it('A20 a network that the configuration names is reached, and no other', async () => {
    const narrow = createFetchDocument({
      privateNetworks: ['127.0.0.2', '10.0.0.0/8'],
      ca: host.ca,
    })
    expect(await reasonOf(narrow(url('127.0.0.1')))).toMatch(/not public/)
    expect(await within()(url('127.0.0.1'))).toBe('{"keys":[]}')
    expect(await within()(url('localhost'))).toBe('{"keys":[]}')
  })
})

describe('what is believed of it', () => {
  it('A20 the certificate of a document’s host is that of the name, from an authority that is trusted', async () => {
    const resolve: Resolve = async () => ['127.0.0.1']
    expect(await reasonOf(within({ resolve })(url('other.example')))).toMatch(/altnames/i)
    const trusting = createFetchDocument({ privateNetworks: LOOPBACK })
    expect(await reasonOf(trusting(url()))).toMatch(/certificate/)
  })

  const gzip = { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }
  const BOMB = gzipSync(Buffer.alloc(10_000_000))
  const endless: RequestListener = (_, res) => {
    res.writeHead(200, { 'Content-Type': 'application/json' })
    const more = () => {
      while (res.write('x'.repeat(16_384)));
      res.once('drain', more)
    }
    more()
  }

  it.each<[string, RequestListener, RegExp]>([
    ['a redirect', (_, res) => res.writeHead(302, { Location: '/other' }).end(), /302/],
    [
      'a redirect elsewhere',
      (_, res) => res.writeHead(307, { Location: 'http://127.0.0.1/' }).end(),
      /307/,
    ],
    ['an error', (_, res) => res.writeHead(500, JSON_TYPE).end('{}'), /500/],
    ['nothing', (_, res) => res.writeHead(204).end(), /204/],
    [
      'another protocol',
      (_, res) => res.writeHead(101, { Upgrade: 'x', Connection: 'upgrade' }).end(),
      /closed|101|hang up/,
    ],
    ['a page', (_, res) => res.writeHead(200, { 'Content-Type': 'text/html' }).end('{}'), /JSON/],
    ['no type', (_, res) => res.writeHead(200).end('{}'), /JSON/],
    ['gzip', (_, res) => res.writeHead(200, gzip).end(BOMB), /compressed/],
    [
      'brotli',
      (_, res) =>
        res.writeHead(200, { ...gzip, 'Content-Encoding': 'br' }).end(brotliCompressSync('{}')),
      /compressed/,
    ],
    ['64 KiB and more', json('x'.repeat(65_537)), /too long/],
    ['no end', endless, /too long/],
    [
      'what is cut short',
      (_, res) =>
        res
          .writeHead(200, { ...JSON_TYPE, 'Content-Length': '100' })
          .write('{', () => res.destroy()),
      /aborted|hang up/,
    ],
    [
      'what is not UTF-8',
      (_, res) => res.writeHead(200, JSON_TYPE).end(Buffer.from([0xff])),
      /encoded data/,
    ],
    [
      'a head that does not end',
      (_, res) => res.socket?.end(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(40_000)}`),
      /overflow/i,
    ],
    ['what is no HTTP', (_, res) => res.socket?.end('hello\r\n\r\n'), /parse/i],
    ['a closed connection', (_, res) => res.socket?.destroy(), /hang up|ECONNRESET/],
  ])('A20 no document is %s', async (_, answer, reason) => {
    host.answer = answer
    expect(await reasonOf(within()(url()))).toMatch(reason)
  })

  it.each<[string, RequestListener]>([
    ['never comes', () => {}],
    [
      'drips',
      (_, res) => {
        res.writeHead(200, JSON_TYPE)
        const drip = setInterval(() => res.write(' '), 20)
        res.on('close', () => clearInterval(drip))
      },
    ],
  ])('A20 what %s is given up, and its connection closed', async (_, answer) => {
    let closed: () => void = () => {}
    const over = new Promise<void>((resolve) => {
      closed = resolve
    })
    host.answer = (req, res) => {
      res.on('close', closed)
      answer(req, res)
    }
    expect(await reasonOf(within({ deadline: 300 })(url()))).toMatch(/too long/)
    await over
  })

  it('A20 DNS that does not answer is given up', async () => {
    const resolve: Resolve = () => new Promise(() => {})
    expect(await reasonOf(within({ resolve, deadline: 100 })(url()))).toMatch(/too long/)
  })

  it('A20 a document is asked for as it is named, by a request that says nothing of us', async () => {
    host.answer = json({ keys: [] }, { 'Content-Type': 'application/jwk-set+json; charset=utf-8' })
    expect(await within()(url('localhost', '/a/b?c=d'))).toBe('{"keys":[]}')
    expect(host.asked.at(-1)?.headers).toEqual({
      host: `localhost:${host.port}`,
      connection: 'close',
      accept: 'application/json, application/jwk-set+json',
      'accept-encoding': 'identity',
      'user-agent': 'Portcullis',
    })
  })
})

const JSON_TYPE = { 'Content-Type': 'application/json' }
