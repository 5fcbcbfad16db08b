import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'
import { message } from './support/raw-client.ts'
import { openRaw, until } from './support/raw-sockets.ts'

let gateway: Portcullis
beforeAll(async () => {
  gateway = await startPortcullis('scopes: {}\nroutes: []\nclients: []\naccounts: []\n')
})
afterAll(() => gateway?.stop())

const errors = () => gateway.logged.filter(({ event }) => /failed$/.test(event))
const gone = () => gateway.logged.filter(({ event }) => event === 'client.gone')

it('whoever leaves in the middle of an answer of ours writes no error into the log', async () => {
  // More than the buffers of a connection hold, to somebody who reads nothing of it.
  const form = message('GET /oauth/apps/nowhere', ['Accept: text/html']).repeat(400)
  for (let left = 5; left > 0; left -= 1) {
    const client = await openRaw(gateway.port)
    client.socket.on('error', () => {})
    client.send(form)
    await until('an answer', () => client.received() !== '')
    client.socket.resetAndDestroy()
  }
  await until('somebody left', () => gone().length > 0)
  expect(errors()).toEqual([])
})

it('nor does who leaves the console, or talks no HTTP to it', async () => {
  const port = Number(new URL(gateway.admin).port)
  const page = 'GET /sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n'
  for (const after of ['reset', '\u0000\u0001 nonsense\r\n\r\n']) {
    const client = await openRaw(port)
    client.socket.on('error', () => {})
    client.send(page.repeat(20) + (after === 'reset' ? '' : after))
    await until('an answer', () => client.received() !== '')
    if (after === 'reset') client.socket.resetAndDestroy()
    else await until('the end', () => client.state() !== 'open')
    client.socket.destroy()
  }
  const last = await fetch(`${gateway.admin}/sign-in`)
  expect(last.status).toBe(200)
  expect(errors()).toEqual([])
})
