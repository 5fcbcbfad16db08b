import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { freePort, spawnPortcullis, until } from './support/portcullis.ts'

const configuration = (upstream: number, callback: string) => `
demo: true
scopes: { orders.read: See your orders }
upstreams: { orders: 'http://127.0.0.1:${upstream}' }
routes:
  - { path: /status, upstream: orders, access: public }
  - { path: /orders/*, upstream: orders, scope: orders.read }
clients:
  - { client_id: demo, client_secret: demo-secret, redirect_uris: ['\${ORIGIN}${callback}'] }
accounts:
  - { username: ada, password: ada }
`

describe('portcullis start with a demo configuration', () => {
  it('brings the demo API where /demo can be walked', async () => {
    const port = await freePort()
    const gateway = await spawnPortcullis(configuration(port, '/demo/callback'))
    await until(async () => (await fetch(`${gateway.origin}/status`)).status === 200)
    expect(gateway.output()).toContain(`Open ${gateway.origin}/demo`)
    await gateway.stop()
  })

  it('leaves the port of an upstream alone that is not the demo’s', async () => {
    const port = await freePort()
    const gateway = await spawnPortcullis(configuration(port, '/callback'))
    await until(() => gateway.output().includes('no demo API'))
    expect((await fetch(`${gateway.origin}/status`)).status).toBe(502)
    const theirs = createServer()
    await new Promise<void>((resolve, reject) =>
      theirs.once('error', reject).listen(port, '127.0.0.1', resolve),
    )
    theirs.close()
    await gateway.stop()
  })
})
