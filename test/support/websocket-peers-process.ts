import { createHash } from 'node:crypto'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

// A crowd of WebSocket peers of bytes, in a process of its own that can be stopped.
// `upstream`: listens, agrees to every handshake, says its port and then how many are open, a line each time that changes.
// `clients PORT COUNT TOKEN SECONDS`: opens so many, a few at a time, and has each send a frame so often.

const [role = '', ...given] = process.argv.slice(2)
const open = new Set<Socket>()
const tell = (words: string | number) => process.stdout.write(`${words}\n`)
setInterval(() => tell(open.size), 100)

const keep = (socket: Socket): void => {
  open.add(socket)
  socket.on('error', () => {}).once('close', () => open.delete(socket))
}

const upstream = (): void => {
  const server = createServer((socket) => {
    keep(socket)
    socket.once('data', (head) => {
      const key = /sec-websocket-key: *(\S+)/i.exec(head.toString('latin1'))?.[1]
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
          `Sec-WebSocket-Accept: ${accept.digest('base64')}\r\n\r\n`,
      )
      socket.resume()
    })
    socket.on('end', () => socket.end())
  })
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
    const address = server.address()
    tell(`port ${typeof address === 'object' ? address?.port : 0}`)
  })
}

/** Resolves once it is agreed to. */
const openOne = (port: number, token: string, seconds: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', reject).once('close', () => reject(new Error('it was closed')))
    socket.write(
      'GET /socket HTTP/1.1\r\nHost: gw\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
        `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    )
    socket.once('data', (head) => {
      if (!head.toString('latin1').startsWith('HTTP/1.1 101 ')) {
        reject(new Error(head.toString('latin1')))
        return
      }
      keep(socket)
      const timer = setInterval(() => socket.write(PING), seconds * 1000)
      socket.once('close', () => clearInterval(timer))
      resolve()
    })
  })

/** Masked, empty. */
const PING = Buffer.from([0x89, 0x80, 1, 2, 3, 4])

const clients = async (
  port: number,
  count: number,
  token: string,
  seconds: number,
): Promise<void> => {
  let left = count
  const worker = async () => {
    while (left > 0) {
      left -= 1
      await openOne(port, token, seconds)
    }
  }
  await Promise.all(Array.from({ length: 50 }, worker))
  tell(`all ${count}`)
  while (open.size > 0) await delay(100)
  process.exit(0)
}

if (role === 'upstream') upstream()
else await clients(Number(given[0]), Number(given[1]), given[2] ?? '', Number(given[3]))
