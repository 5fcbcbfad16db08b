import type { IncomingMessage, ServerResponse } from 'node:http'
import { exportRequest, MOST_ROWS, sendExport } from './export.ts'
import type { OrdersFeed } from './feed.ts'
import { readNewOrder } from './new-order.ts'
import { nextStatuses, type Order, type OrderBook, orderStatus } from './order-book.ts'
import { readJson } from './read-json.ts'
import { requestedBy } from './requested-by.ts'

/** One request: where it goes is decided, what it asks for is not. */
export type Call = {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly query: URLSearchParams
  /** The order that the path names; empty where it names none. */
  readonly id: string
}

export type Endpoint = (call: Call) => void | Promise<void>

/** Path → method → what it does. `/orders/:id` stands for every other name under `/orders/`. */
export const ordersEndpoints = (
  book: OrderBook,
  feed: OrdersFeed,
  started: number,
): ReadonlyMap<string, ReadonlyMap<string, Endpoint>> =>
  new Map([
    [
      '/orders',
      new Map([
        ['GET', (call) => listOrders(book, call)],
        ['POST', (call) => placeOrder(book, call)],
      ]),
    ],
    [
      '/orders/:id',
      new Map([
        ['GET', (call) => withOrder(book, call, (order) => show(call, 200, order))],
        ['PATCH', (call) => moveOrder(book, call)],
        ['DELETE', (call) => withOrder(book, call, (order) => removeOrder(book, order, call))],
      ]),
    ],
    ['/orders/events', new Map([['GET', ({ req, res }) => feed.events(req, res)]])],
    ['/orders/live', new Map([['GET', upgradeRequired]])],
    ['/orders/export', new Map([['GET', exportOrders]])],
    ['/status', new Map([['GET', (call) => showStatus(book, started, call)]])],
    ['/healthz', new Map([['GET', (call) => show(call, 200, { ok: true })]])],
  ] satisfies [string, Map<string, Endpoint>][])

const listOrders = (book: OrderBook, call: Call) => {
  const { query } = call
  const wanted = query.get('status')
  const status = orderStatus(wanted)
  if (wanted !== null && !status) {
    return refuse(call, 400, 'invalid_query', 'There is no such status')
  }
  const limit = countOf(query.get('limit'), 20)
  const offset = countOf(query.get('offset'), 0)
  if (limit === undefined || offset === undefined || limit < 1 || limit > 100) {
    return refuse(call, 400, 'invalid_query', 'limit is 1 to 100, offset 0 or more')
  }
  const orders = book.list(status)
  const page = orders.slice(offset, offset + limit)
  show(call, 200, { orders: page, total: orders.length, limit, offset })
}

const countOf = (text: string | null, otherwise: number): number | undefined => {
  if (text === null) return otherwise
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

const placeOrder = async (book: OrderBook, call: Call): Promise<void> => {
  const body = await readJson(call.req)
  if ('problem' in body) return refuse(call, body.status, 'invalid_body', body.problem)
  const order = readNewOrder(body.value)
  if (typeof order === 'string') return refuse(call, 422, 'invalid_order', order)
  const placed = book.add(order)
  call.res.setHeader('Location', `/orders/${placed.id}`)
  show(call, 201, placed)
}

const moveOrder = async (book: OrderBook, call: Call): Promise<void> => {
  const body = await readJson(call.req)
  if ('problem' in body) return refuse(call, body.status, 'invalid_body', body.problem)
  const { value } = body
  const word = typeof value === 'object' && value && 'status' in value ? value.status : undefined
  const status = orderStatus(word)
  if (!status) return refuse(call, 422, 'invalid_order', 'status has to be one of the known ones')
  return withOrder(book, call, (order) => {
    const moved = book.move(order, status)
    if (moved) return show(call, 200, moved)
    const ways = nextStatuses(order.status).join(' or ') || 'nothing else'
    return refuse(call, 409, 'conflict', `From ${order.status} an order becomes ${ways}`)
  })
}

const removeOrder = (book: OrderBook, order: Order, { res }: Call): void => {
  book.remove(order)
  res.writeHead(204).end()
}

const exportOrders: Endpoint = (call) => {
  const wanted = exportRequest(call.query)
  if (wanted) return sendExport(wanted, call.res)
  return refuse(call, 400, 'invalid_query', `rows is 0 to ${MOST_ROWS}, format csv or ndjson`)
}

const upgradeRequired: Endpoint = (call) => {
  call.res.setHeader('Upgrade', 'websocket')
  refuse(call, 426, 'upgrade_required', 'This is a WebSocket')
}

const showStatus = (book: OrderBook, started: number, call: Call): void =>
  show(call, 200, {
    service: 'orders',
    status: 'open for business',
    orders: book.list().length,
    uptime_seconds: Math.round((performance.now() - started) / 1000),
  })

const withOrder = (book: OrderBook, call: Call, step: (order: Order) => void): void => {
  const order = book.find(call.id)
  if (order) step(order)
  else refuse(call, 404, 'not_found', 'There is no such order')
}

/** Every answer says who asked, so that one can see what the API behind a gateway learns. */
const show = ({ req, res }: Call, status: number, body: object): void => {
  const text = `${JSON.stringify({ ...body, requested_by: requestedBy(req) }, null, 2)}\n`
  res.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  })
  res.end(text)
}

export const refuse = (call: Call, status: number, error: string, message: string): void =>
  show(call, status, { error, message })
