import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** Where byte n of a body is n % 251, a piece can be checked by where it begins. */
const PERIOD = 251
const PIECE = Buffer.from(Array.from({ length: PERIOD * 4096 }, (_, at) => at % PERIOD))

/** How a large body went: bytes that one side wrote and the other side has read so far. */
export type Transfer = {
  readonly written: () => number
  readonly read: () => number
  /** Resolves when the body is there, whole and unchanged. */
  readonly done: Promise<void>
  /** Lets a reader that was made to wait read on. */
  go(): void
}

/** Reads in bursts: after each `burst` bytes it does nothing for `rest` milliseconds. It begins when it is told to. */
type Pace = { readonly burst: number; readonly rest: number }

/** A client's download of `size` bytes through the gateway on `port`, from an upstream that sends as fast as it can. */
export const download = async (upstream: LargeUpstream, port: number, size: number, pace: Pace) => {
  const socket = await open(port)
  socket.write(`GET /large?${size} HTTP/1.1\r\nHost: gw\r\n\r\n`)
  await once(socket, 'readable')
  takeHead(socket)
  const reader = readBody(socket, size, pace)
  return { ...reader, written: upstream.written, close: () => socket.destroy() }
}

/** A client's upload as fast as it can, to an upstream that takes its time. */
export const upload = async (upstream: LargeUpstream, port: number, size: number, pace: Pace) => {
  const arrived = upstream.expect(size, pace)
  const socket = await open(port)
  socket.write(`POST /large HTTP/1.1\r\nHost: gw\r\nContent-Length: ${size}\r\n\r\n`)
  const writer = writeBody(socket, size)
  const answered = once(socket, 'data')
  const reader = await arrived
  const done = Promise.all([reader.done, answered]).then(() => {})
  return { ...reader, done, written: writer, close: () => socket.destroy() }
}

const open = async (port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Answers GET with so many bytes as the query says, and takes the bodies of other requests. */
export type LargeUpstream = {
  readonly origin: string
  /** Bytes of the body that was asked for last. */
  written(): number
  /** The next upload. */
  expect(size: number, pace: Pace): Promise<Omit<Transfer, 'written'>>
  close(): void
}

export const startLargeUpstream = async (): Promise<LargeUpstream> => {
  let written = () => 0
  let expected: ((socket: Socket) => void) | undefined
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    socket.once('readable', () => {
      const size = takeHead(socket)
      if (size === undefined) {
        expected?.(socket)
        return
      }
      socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n`)
      written = writeBody(socket, size)
      socket.resume()
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    origin: `http://127.0.0.1:${port}`,
    written: () => written(),
    expect: (size, pace) =>
      new Promise((resolve) => {
        expected = (socket) => {
          const reader = readBody(socket, size, pace)
          void reader.done.then(() =>
            socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'),
          )
          resolve(reader)
        }
      }),
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

/** Takes a head off a socket that has just become readable; the size that its query asks for, if it is a GET. */
const takeHead = (socket: Socket): number | undefined => {
  const bytes: Buffer = socket.read() ?? Buffer.alloc(0)
  const end = bytes.indexOf('\r\n\r\n') + 4
  if (bytes.length > end) socket.unshift(bytes.subarray(end))
  const size = /^GET [^ ?]*\?(\d+)/.exec(bytes.subarray(0, end).toString('latin1'))?.[1]
  return size === undefined ? undefined : Number(size)
}

const writeBody = (socket: Socket, size: number): (() => number) => {
  let at = 0
  const write = () => {
    while (at < size && !socket.destroyed) {
      // Each piece begins where the one before ended in the period.
      const piece = PIECE.subarray(0, Math.min(PIECE.length, size - at))
      at += piece.length
      if (!socket.write(piece)) return
    }
    socket.off('drain', write)
  }
  socket.on('drain', write)
  write()
  return () => at - socket.writableLength
}

const readBody = (socket: Socket, size: number, { burst, rest }: Pace) => {
  const gate = Promise.withResolvers<void>()
  const done = Promise.withResolvers<void>()
  let read = 0
  let left = burst
  socket.pause()
  const take = (chunk: Buffer) => {
    if (chunk[0] !== read % PERIOD) done.reject(new Error(`other bytes at ${read}`))
    read += chunk.length
    left -= chunk.length
    if (read >= size) {
      socket.off('data', take)
      if (read === size) done.resolve()
      else done.reject(new Error(`${read - size} bytes too many`))
    } else if (left <= 0) {
      left = burst
      socket.pause()
      setTimeout(() => socket.resume(), rest)
    }
  }
  socket.once('close', () => done.reject(new Error(`closed after ${read} bytes`)))
  void gate.promise.then(() => socket.on('data', take).resume())
  return { read: () => read, done: done.promise, go: gate.resolve }
}
