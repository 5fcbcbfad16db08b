import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { BrokenOff } from '../src/gateway/http1/broken-off.ts'
import { openConnection } from '../src/gateway/http1/connection.ts'
import type { Dialer } from '../src/gateway/http1/dialer.ts'
import { MalformedAnswer } from '../src/gateway/http1/malformed-answer.ts'

const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const STRAY = Buffer.from('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n')

/**
 * A connection to a server that answers whatever comes with 200. `lend` writes a request on it; `come` has bytes arrive at
 * this very moment; `heard` is what whoever has the connection was told.
 */
const openOne = async () => {
  const received: string[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      received.push(bytes.toString('latin1'))
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const heard: unknown[] = []
  const pool: string[] = []
  let come: (bytes: Buffer) => void = () => {}
  let waiting = Promise.withResolvers<void>()
  const tell = (what: unknown) => {
    heard.push(what)
    waiting.resolve()
  }
  const dial: Dialer = (ends) => {
    come = ends.read
    const socket = connect(port, '127.0.0.1').once('connect', ends.connected)
    return socket.on('data', ends.read).on('error', () => {})
  }
  const connection = openConnection<string>(
    dial,
    {
      ready: () => {
        connection.write(REQUEST, true)
        tell('ready')
      },
      interim: () => tell('interim'),
      head: (_, { status }) => heard.push(status),
      data: () => tell('data'),
      rested: () => {},
      drained: () => {},
      ended: () => tell('ended'),
      failed: (_, error) => tell(error),
    },
    { free: () => pool.push('free'), lost: () => pool.push('lost') },
  )
  onTestFinished(async () => {
    connection.destroy()
    server.close()
    await once(server, 'close')
  })
  /** Until it has been told something more. */
  const next = async () => {
    waiting = Promise.withResolvers<void>()
    await waiting.promise
  }
  return { connection, received, heard, pool, next, come: (bytes: Buffer) => come(bytes) }
}

describe('RFC 9112 connections to an upstream', () => {
  it('§9.2 what comes before a request is written is not its answer: one that was used is given up for another', async () => {
    const { connection, received, heard, pool, next, come } = await openOne()
    connection.lend('first', 'GET')
    await next()
    await next()
    expect(heard).toEqual(['ready', 200, 'ended'])
    connection.lend('second', 'GET')
    come(STRAY)
    expect(heard.slice(3)).toEqual(['ready', expect.any(BrokenOff)])
    expect(connection.heard).toBe(false)
    expect(pool).toEqual(['free', 'lost'])
    await new Promise((resolve) => setImmediate(resolve))
    expect(received).toEqual([REQUEST])
  })

  it.each([
    ['a length', 'Content-Length: 2', 'lost'],
    ['a coding', 'Transfer-Encoding: chunked', 'lost'],
    ['a length of none', 'Content-Length: 0', 'free'],
    ['neither', 'X: y', 'free'],
  ])(
    'P40 §6.3 after a 204 with %s it is given up, if a body might follow',
    async (_, field, end) => {
      const { connection, heard, pool, next, come } = await openOne()
      connection.lend('first', 'GET')
      await next()
      await new Promise((resolve) => setImmediate(resolve))
      come(Buffer.from(`HTTP/1.1 204 No Content\r\n${field}\r\n\r\n`))
      expect(heard).toEqual(['ready', 204, 'ended'])
      expect(pool).toEqual([end])
    },
  )

  it('§9.2 on one that is new it is no answer at all', async () => {
    const { connection, received, heard, pool, next, come } = await openOne()
    connection.lend('first', 'GET')
    await next()
    come(STRAY)
    expect(heard).toEqual(['ready', expect.any(MalformedAnswer)])
    expect(pool).toEqual(['lost'])
    await new Promise((resolve) => setImmediate(resolve))
    expect(received).toEqual([])
  })
})
