/** An order of the demo shop, as its API shows it. Money in the currency's main unit, times in ISO 8601. */
export type Order = {
  readonly id: string
  readonly status: OrderStatus
  readonly customer: { readonly name: string; readonly city: string }
  readonly items: readonly Item[]
  readonly currency: 'EUR'
  readonly total: number
  readonly created_at: string
  readonly updated_at: string
}

export type Item = {
  readonly sku: string
  readonly name: string
  readonly quantity: number
  readonly unit_price: number
}

export type NewOrder = Pick<Order, 'customer' | 'items'>

export type OrderStatus = 'placed' | 'paid' | 'packed' | 'shipped' | 'delivered' | 'cancelled'

/** What happened to an order. `id` rises by one. */
export type Change = {
  readonly id: number
  readonly type: 'order.created' | 'order.updated' | 'order.deleted'
  readonly order: Order
}

/** All orders of the shop, in memory. */
export type OrderBook = {
  /** Newest first. */
  list(status?: OrderStatus): readonly Order[]
  find(id: string): Order | undefined
  /** Placed now, unless told otherwise. */
  add(order: NewOrder, past?: Pick<Order, 'status' | 'created_at' | 'updated_at'>): Order
  /** Undefined: an order does not go from its status to this one. */
  move(order: Order, status: OrderStatus): Order | undefined
  remove(order: Order): void
  /** What happened after the change `id`, as far as it is remembered. */
  since(id: number): readonly Change[]
  subscribe(listener: (change: Change) => void): () => void
}

export const createOrderBook = (now: () => Date = () => new Date()): OrderBook => {
  const orders = new Map<string, Order>()
  const listeners = new Set<(change: Change) => void>()
  const changes: Change[] = []
  let lastOrder = 1040
  let lastChange = 0

  const tell = (type: Change['type'], order: Order) => {
    lastChange += 1
    const change = { id: lastChange, type, order }
    changes.push(change)
    if (changes.length > REMEMBERED_CHANGES) changes.shift()
    for (const listener of listeners) listener(change)
    return order
  }
  const forgetOldest = () => {
    for (const id of orders.keys()) {
      if (orders.size <= MOST_ORDERS) return
      orders.delete(id)
    }
  }

  return {
    list(status) {
      const all = [...orders.values()].reverse()
      return status ? all.filter((order) => order.status === status) : all
    },
    find: (id) => orders.get(id),
    add({ customer, items }, past) {
      lastOrder += 1
      const at = now().toISOString()
      const order: Order = {
        id: `ord_${lastOrder}`,
        status: past?.status ?? 'placed',
        customer,
        items,
        currency: 'EUR',
        total: totalOf(items),
        created_at: past?.created_at ?? at,
        updated_at: past?.updated_at ?? at,
      }
      orders.set(order.id, order)
      forgetOldest()
      return tell('order.created', order)
    },
    move(order, status) {
      if (!nextStatuses(order.status).includes(status)) return undefined
      const moved = { ...order, status, updated_at: now().toISOString() }
      orders.set(order.id, moved)
      return tell('order.updated', moved)
    },
    remove(order) {
      orders.delete(order.id)
      tell('order.deleted', order)
    },
    since: (id) => changes.filter((change) => change.id > id),
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

const totalOf = (items: readonly Item[]): number =>
  items.reduce((cents, item) => cents + Math.round(item.unit_price * 100) * item.quantity, 0) / 100

/** Where an order may go from here, the usual way first. */
export const nextStatuses = (status: OrderStatus): readonly OrderStatus[] => WAYS.get(status) ?? []

const WAYS: ReadonlyMap<OrderStatus, readonly OrderStatus[]> = new Map([
  ['placed', ['paid', 'cancelled']],
  ['paid', ['packed', 'cancelled']],
  ['packed', ['shipped', 'cancelled']],
  ['shipped', ['delivered']],
  ['delivered', []],
  ['cancelled', []],
])

export const orderStatus = (word: unknown): OrderStatus | undefined =>
  [...WAYS.keys()].find((status) => status === word)

const MOST_ORDERS = 500
const REMEMBERED_CHANGES = 500
