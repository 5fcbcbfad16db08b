import { once } from 'node:events'
import { fstatSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { parseArgs } from 'node:util'
import { type Endpoint, ordersEndpoints, refuse } from './orders/endpoints.ts'
import { createOrdersFeed } from './orders/feed.ts'
import { createOrderBook } from './orders/order-book.ts'
import { requestedBy } from './orders/requested-by.ts'
import { letShopLive, stockOrders } from './orders/shop-life.ts'

export type OrdersApi = {
  readonly port: number
  readonly origin: string
  /** Ends the feeds, lets requests finish for a second, closes. */
  close(): Promise<void>
}

export type OrdersApiOptions = {
  readonly host?: string
  /** 0: whichever is free. */
  readonly port?: number
  /** Seconds between two changes that happen by themselves; 0: none do. */
  readonly changeEvery?: number
  readonly heartbeat?: number
  /** Told one line a request. */
  readonly log?: (line: string) => void
}

/**
 * The API of a coffee shop's orders: what Portcullis protects in the demo. It knows nothing of OAuth, and only what the
 * gateway tells it of its callers. Rejects when it cannot listen.
 */
export const startOrdersApi = async (options: OrdersApiOptions = {}): Promise<OrdersApi> => {
  const { host = '127.0.0.1', port = 0, changeEvery = 4, log = () => {} } = options
  const book = createOrderBook()
  stockOrders(book)
  const feed = createOrdersFeed(book, options.heartbeat)
  const endpoints = ordersEndpoints(book, feed, performance.now())
  const tunnels = new Set<Duplex>()

  // Longer than the gateway keeps an idle connection, so that it is never the one that finds it closed.
  const server = createServer({ keepAliveTimeout: 120_000 }, (req, res) => {
    res.once('close', () => log(lineOf(req, res.statusCode)))
    answer(endpoints, req, res).catch(() => res.destroy())
  })
  server.on('upgrade', (req, socket) => {
    const live = pathOf(req) === '/orders/live'
    tunnels.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => {
      tunnels.delete(socket)
      log(lineOf(req, live ? 101 : 404))
    })
    if (live) feed.live(req, socket)
    else socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  })
  await once(server.listen(port, host), 'listening')
  const stopLiving = changeEvery > 0 ? letShopLive(book, changeEvery) : () => {}

  const address = server.address()
  const bound = address !== null && typeof address === 'object' ? address.port : port
  return {
    port: bound,
    origin: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    async close() {
      stopLiving()
      feed.close()
      const closed = once(server, 'close')
      server.close()
      const limit = setTimeout(() => {
        server.closeAllConnections()
        for (const socket of tunnels) socket.destroy()
      }, 1000)
      await closed
      clearTimeout(limit)
    },
  }
}

const answer = async (
  endpoints: ReadonlyMap<string, ReadonlyMap<string, Endpoint>>,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> => {
  const path = pathOf(req)
  const query = new URLSearchParams((req.url ?? '').slice(path.length + 1))
  const id = /^\/orders\/([^/]+)$/.exec(path)?.[1] ?? ''
  const call = { req, res, query, id }
  const methods = endpoints.get(path) ?? (id === '' ? undefined : endpoints.get('/orders/:id'))
  if (!methods || path === '/orders/:id') return refuse(call, 404, 'not_found', 'Nothing is here')
  const endpoint = methods.get(req.method === 'HEAD' ? 'GET' : (req.method ?? ''))
  if (endpoint) return endpoint(call)
  res.setHeader('Allow', [...methods.keys()].join(', '))
  return refuse(call, 405, 'method_not_allowed', 'Not with this method')
}

const pathOf = ({ url = '' }: IncomingMessage): string => url.split('?', 1)[0] ?? ''

const lineOf = (req: IncomingMessage, status: number): string => {
  const { subject, client_id, request_id } = requestedBy(req)
  const line = `${req.method} ${pathOf(req)} ${status} for ${subject ?? 'nobody'} by ${client_id ?? 'nothing'} ${request_id ?? ''}`
  // What came in fields must not move the cursor of whoever reads this on a terminal.
  return line.trimEnd().replace(/[^\x20-\x7e]/g, '?')
}

/** The process: `node orders-api.ts [--port 9001] [--host 127.0.0.1]`. */
const run = async (args: readonly string[]): Promise<void> => {
  const say = (line: string) => void process.stdout.write(`${line}\n`)
  process.stdout.on('error', () => {})
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string', default: '9001' },
      host: { type: 'string', default: '127.0.0.1' },
    },
  })
  const port = Number(values.port)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error('--port is 0 to 65535')
  const api = await startOrdersApi({ host: values.host, port, log: say })
  say(`orders API listening on ${api.origin}`)
  let stopping = false
  const stop = () => {
    if (stopping) return
    stopping = true
    process.stdin.destroy()
    if (process.connected) process.disconnect()
    void api.close()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  watchParent(stop)
}

/** Whoever started this holds the other end of its standard input or of its channel: when that goes, so does this. */
const watchParent = (gone: () => void): void => {
  process.on('disconnect', gone)
  const input = fstatSync(0, { throwIfNoEntry: false })
  // A terminal, a file or nothing at all is no leash.
  if (!input?.isFIFO() && !input?.isSocket()) return
  process.stdin.on('end', gone).on('error', gone).resume()
}

if (import.meta.main) {
  run(process.argv.slice(2)).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    process.exitCode = 1
  })
}
