import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Change, OrderBook } from './order-book.ts'
import { requestedBy } from './requested-by.ts'
import { acceptWebSocket } from './websocket-server.ts'

/** What happens to the orders, told to whoever listens. */
export type OrdersFeed = {
  /** Server-sent events. Goes on after `Last-Event-ID`. */
  events(req: IncomingMessage, res: ServerResponse): void
  /** A WebSocket with the same changes; answers every text message. */
  live(req: IncomingMessage, socket: Duplex): void
  close(): void
}

export const createOrdersFeed = (book: OrderBook, heartbeatSeconds = 15): OrdersFeed => {
  const listeners = new Set<Listener>()
  const unsubscribe = book.subscribe((change) => {
    for (const listener of listeners) listener.change(change)
  })
  const heart = setInterval(() => {
    for (const listener of listeners) listener.heartbeat()
  }, heartbeatSeconds * 1000).unref()

  return {
    events(req, res) {
      res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
      if (req.method === 'HEAD') {
        res.end()
        return
      }
      const write = patient(res)
      write(`retry: 3000\nevent: welcome\ndata: ${welcome(req)}\n\n`)
      const last = Number(req.headers['last-event-id'] ?? Number.NaN)
      if (Number.isSafeInteger(last)) for (const change of book.since(last)) write(event(change))
      listen(res, {
        change: (change) => write(event(change)),
        heartbeat: () => write(': still here\n\n'),
        close: () => res.end(),
      })
    },
    live(req, socket) {
      const peer = acceptWebSocket(req, socket, {
        message: (text) => peer?.send(answer(text, req)),
        closed: () => {},
      })
      if (!peer) return
      peer.send(welcome(req))
      listen(socket, {
        change: (change) => peer.send(JSON.stringify(change)),
        heartbeat: () => peer.ping(),
        close: () => peer.close(1001),
      })
    },
    close() {
      unsubscribe()
      clearInterval(heart)
      for (const listener of listeners) listener.close()
    },
  }

  function listen(until: ServerResponse | Duplex, listener: Listener): void {
    listeners.add(listener)
    until.once('close', () => listeners.delete(listener))
  }
}

type Listener = {
  change(change: Change): void
  heartbeat(): void
  close(): void
}

/** Writes until the reader has fallen too far behind, then leaves it: it may come back with `Last-Event-ID`. */
const patient =
  (res: ServerResponse) =>
  (text: string): void => {
    if (res.writableLength > MOST_UNREAD) res.destroy()
    else res.write(text)
  }

const MOST_UNREAD = 1_048_576

const event = ({ id, type, order }: Change): string =>
  `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(order)}\n\n`

const welcome = (req: IncomingMessage): string =>
  JSON.stringify({ type: 'welcome', requested_by: requestedBy(req) })

const answer = (text: string, req: IncomingMessage): string =>
  JSON.stringify({ type: 'answer', you_said: text, requested_by: requestedBy(req) })
