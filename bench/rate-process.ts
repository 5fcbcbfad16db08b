import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'

// Sends requests at a steady rate over kept connections, whatever the answers take (an open loop), and tells how long each
// took from when it was due. The task comes as a message, the result goes as one.

export type RateTask = {
  readonly port: number
  readonly path: string
  /** Taken in turn. Empty: each request has a value of its own that no server has minted. */
  readonly tokens: readonly string[]
  /** A second. */
  readonly rate: number
  readonly seconds: number
}

/** Latencies in ms. `late`: requests that were never sent or answered. */
export type RateResult = {
  readonly answered: number
  readonly late: number
  readonly statuses: Readonly<Record<string, number>>
  readonly p50: number
  readonly p99: number
}

const CONNECTIONS = 64
const GRACE_MS = 5_000

const run = ({ port, path, tokens, rate, seconds }: RateTask): Promise<RateResult> =>
  new Promise((resolve) => {
    const total = Math.floor(rate * seconds)
    const latencies: number[] = []
    const statuses: Record<string, number> = {}
    const free: Connection[] = []
    const waiting: number[] = []
    let due = 0
    const headOf = (count: number): string => {
      const token =
        tokens[count % tokens.length] ?? `pc_at_${randomBytes(48).toString('base64url')}`
      return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\n\r\n`
    }
    const send = (connection: Connection, at: number) => {
      connection.due = at
      connection.socket.write(headOf(sent))
      sent += 1
    }
    let sent = 0
    const answered = (connection: Connection, status: string) => {
      latencies.push(performance.now() - connection.due)
      statuses[status] = (statuses[status] ?? 0) + 1
      const next = waiting.shift()
      if (next === undefined) free.push(connection)
      else send(connection, next)
    }
    let opened = 0
    // One that was opened and never used would be closed by the other side.
    const another = (): Connection | undefined => {
      if (free.length > 0 || opened === CONNECTIONS) return free.pop()
      opened += 1
      return open(port, answered)
    }
    const began = performance.now() + 100
    const timer = setInterval(() => {
      const now = performance.now()
      while (due < total && began + (due * 1000) / rate <= now) {
        const at = began + (due * 1000) / rate
        const connection = another()
        if (connection === undefined) waiting.push(at)
        else send(connection, at)
        due += 1
      }
      if (latencies.length < total && now < began + seconds * 1000 + GRACE_MS) return
      clearInterval(timer)
      latencies.sort((a, b) => a - b)
      const at = (part: number) => latencies[Math.floor(latencies.length * part)] ?? Number.NaN
      const counts = { answered: latencies.length, late: total - latencies.length }
      resolve({ ...counts, statuses, p50: at(0.5), p99: at(0.99) })
    }, 1)
  })

type Connection = { readonly socket: Socket; due: number }

/** Enough of HTTP for answers with a length. */
const open = (
  port: number,
  answered: (connection: Connection, status: string) => void,
): Connection => {
  const connection: Connection = { socket: connect(port, '127.0.0.1').setNoDelay(), due: 0 }
  let received = ''
  connection.socket.on('error', () => {})
  connection.socket.on('data', (bytes) => {
    received += bytes.toString('latin1')
    const end = received.indexOf('\r\n\r\n')
    if (end < 0) return
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(received)?.[1] ?? 0)
    if (received.length < end + 4 + length) return
    const status = received.slice(9, 12)
    received = ''
    answered(connection, status)
  })
  return connection
}

process.once('message', async (task: RateTask) => {
  const result = await run(task)
  process.send?.(result, () => process.exit())
})
