import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from './support/authorization-server.ts'

describe('protected resource metadata', () => {
  let server: RunningAuthorizationServer
  const documentAt = async (path: string, host?: string) => {
    const { status, body } = await get(`${server.origin}${path}`, host)
    return status === 200 ? JSON.parse(body) : status
  }

  beforeAll(async () => {
    const read = { mode: 'all', scopes: ['orders.read'] } as const
    const write = { mode: 'all', scopes: ['orders.write'] } as const
    server = await startAuthorizationServer({
      routes: [
        { path: '/orders/*', methods: ['GET'], scope: read },
        { path: '/orders/*', methods: ['POST'], scope: write },
        { path: '/a(b)+:c', scope: read },
        { path: '/status', access: 'public' },
        { path: '/v2/*', host: 'api.example.com' },
        { path: '/v2/*', host: 'other.example.com', scope: read },
      ],
    })
  })
  afterAll(() => server.stop())

  it('§2 one document a host and path, with the scopes of all methods', async () => {
    expect(await documentAt('/.well-known/oauth-protected-resource/orders')).toEqual({
      resource: `${server.origin}/orders`,
      authorization_servers: [server.origin],
      scopes_supported: ['orders.read', 'orders.write'],
      bearer_methods_supported: ['header'],
    })
  })

  it('§3.1 the document of a host is for that host', async () => {
    const path = '/.well-known/oauth-protected-resource/v2'
    const { port } = new URL(server.origin)
    for (const host of ['api.example.com', 'API.example.com:8080', 'other.example.com']) {
      const name = host.toLowerCase().replace(/:.*/, '')
      expect(await documentAt(path, host)).toMatchObject({
        resource: `http://${name}:${port}/v2`,
        authorization_servers: [server.origin],
      })
    }
  })

  it('§3.1 anyone may read it, from any origin', async () => {
    const url = `${server.origin}/.well-known/oauth-protected-resource/orders`
    const { headers, status } = await fetch(url)
    expect([status, headers.get('Access-Control-Allow-Origin')]).toEqual([200, '*'])
    expect((await fetch(url, { method: 'OPTIONS' })).status).toBe(204)
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200)
    expect((await fetch(url, { method: 'POST' })).status).toBe(405)
  })

  it('§3.1 names with a meaning for the router stand for themselves', async () => {
    expect(await documentAt('/.well-known/oauth-protected-resource/a(b)+:c')).toMatchObject({
      resource: `${server.origin}/a(b)+:c`,
    })
    expect(await documentAt('/.well-known/oauth-protected-resource/abb:c')).toBe(404)
  })

  it('§3.1 what is public or unknown has none', async () => {
    expect(await documentAt('/.well-known/oauth-protected-resource/status')).toBe(404)
    expect(await documentAt('/.well-known/oauth-protected-resource/nothing')).toBe(404)
    expect(await documentAt('/.well-known/oauth-protected-resource')).toBe(404)
  })

  it('§3.1 a gateway with one resource has its document at the root as well', async () => {
    const single = await startAuthorizationServer({ routes: [{ path: '/mcp/*' }] })
    for (const path of ['', '/mcp']) {
      const url = `${single.origin}/.well-known/oauth-protected-resource${path}`
      expect(await (await fetch(url)).json()).toMatchObject({ resource: `${single.origin}/mcp` })
    }
    await single.stop()
  })
})

const get = (url: string, host?: string): Promise<{ status: number; body: string }> =>
  new Promise((resolve, reject) => {
    const headers = host === undefined ? {} : { Host: host }
    const asked = request(url, { headers }, async (response) => {
      let body = ''
      for await (const chunk of response) body += chunk
      resolve({ status: response.statusCode ?? 0, body })
    })
    asked.on('error', reject)
    asked.end()
  })
