import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** Polls until `condition` holds. Throws what was waited for after `seconds`. */
export const until = async (
  what: string,
  condition: () => boolean,
  seconds = 10,
): Promise<void> => {
  const deadline = performance.now() + seconds * 1000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`in vain: ${what}`)
    await delay(5)
  }
}

/** One end of a connection, with everything that came through it as latin1 text. */
export type RawSocket = {
  readonly socket: Socket
  received(): string
  bytes(): Buffer
  /** How it went: `open`, `ended` (FIN), `closed`, `reset`. */
  state(): 'open' | 'ended' | 'closed' | 'reset'
  send(bytes: string | Uint8Array): void
}

const watch = (socket: Socket): RawSocket => {
  const chunks: Buffer[] = []
  let state: ReturnType<RawSocket['state']> = 'open'
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('end', () => {
    state = 'ended'
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') state = 'reset'
  })
  socket.on('close', () => {
    if (state !== 'reset') state = 'closed'
  })
  return {
    socket,
    received: () => Buffer.concat(chunks).toString('latin1'),
    bytes: () => Buffer.concat(chunks),
    state: () => state,
    send: (bytes) => socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
  }
}

export const openRaw = async (port: number): Promise<RawSocket> => {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  await once(socket, 'connect')
  return watch(socket)
}

/** A server of bytes: `serve` is called with each connection, after its first bytes have come when `afterHead`. */
export const startRawServer = async (
  serve: (connection: RawSocket) => void,
  options: { afterHead?: boolean } = { afterHead: true },
) => {
  const connections: RawSocket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const connection = watch(socket)
    connections.push(connection)
    if (options.afterHead === false) {
      serve(connection)
      return
    }
    const look = () => {
      if (!connection.received().includes('\r\n\r\n')) return
      socket.off('data', look)
      serve(connection)
    }
    socket.on('data', look)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    open: () => connections.filter(({ socket }) => !socket.destroyed).length,
    async close() {
      for (const { socket } of connections) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
