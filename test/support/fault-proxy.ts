import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A proxy in front of a server on this machine, which does to its connections what networks do. */
export type FaultProxy = {
  readonly port: number
  /** Milliseconds that every chunk is late, each way. */
  delay(milliseconds: number): void
  /** Swallows everything, both ways, and says nothing of it; new connections are taken. */
  swallow(on: boolean): void
  /** Swallows everything of the connections that there are, for good; new ones are well. */
  freeze(): void
  /** Resets every connection. */
  reset(): void
  connections(): number
  close(): Promise<void>
}

/** `answers` may change what the server says; one for each connection. */
export const startFaultProxy = async (
  to: number,
  answers: () => (chunk: Buffer) => Buffer = () => (chunk) => chunk,
): Promise<FaultProxy> => {
  const pairs = new Set<readonly [Socket, Socket]>()
  let late = 0
  let swallowing = false
  const frozen = new Set<Socket>()

  const pass = (from: Socket, into: Socket, change: (chunk: Buffer) => Buffer): void => {
    // Whatever the delay is changed to, nothing overtakes.
    const waiting: Buffer[] = []
    let due = 0
    const send = (chunk: Buffer | undefined) =>
      void (chunk === undefined || into.destroyed || into.write(change(chunk)))
    from.on('data', (chunk: Buffer) => {
      if (swallowing || frozen.has(from)) return
      if (late === 0 && waiting.length === 0) return send(chunk)
      waiting.push(chunk)
      due = Math.max(due, performance.now() + late)
      setTimeout(() => send(waiting.shift()), due - performance.now())
    })
  }

  const server = createServer((client) => {
    const upstream = connect(to, '127.0.0.1')
    const pair = [client, upstream] as const
    pairs.add(pair)
    pass(client, upstream, (chunk) => chunk)
    pass(upstream, client, answers())
    for (const socket of pair) {
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        for (const other of pair) other.destroy()
        pairs.delete(pair)
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  const reset = (): void => {
    for (const [client, upstream] of pairs) {
      client.resetAndDestroy()
      upstream.destroy()
    }
  }

  return {
    port: (server.address() as AddressInfo).port,
    delay(milliseconds) {
      late = milliseconds
    },
    swallow(on) {
      swallowing = on
    },
    freeze() {
      for (const socket of [...pairs].flat()) frozen.add(socket)
    },
    reset,
    connections: () => pairs.size,
    async close() {
      reset()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Takes out of what PostgreSQL says every notification: what a pooler in transaction mode makes of LISTEN. */
export const withoutNotifications = (): ((chunk: Buffer) => Buffer) => {
  let rest = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const kept: Buffer[] = []
    for (;;) {
      const length = rest.length < 5 ? Number.POSITIVE_INFINITY : 1 + rest.readUInt32BE(1)
      if (rest.length < length) return Buffer.concat(kept)
      const message = rest.subarray(0, length)
      if (message[0] !== 'A'.charCodeAt(0)) kept.push(message)
      rest = rest.subarray(length)
    }
  }
}
