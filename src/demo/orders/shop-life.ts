import type { Item, NewOrder, Order, OrderBook, OrderStatus } from './order-book.ts'
import { nextStatuses } from './order-book.ts'

/** Puts a dozen orders of the last days into an empty book, in every status. */
export const stockOrders = (book: OrderBook, now = Date.now()): void => {
  for (const [index, status] of SEED_STATUSES.entries()) {
    const created = now - (SEED_STATUSES.length - index) * 5.3 * HOUR
    book.add(orderNumber(index), {
      status,
      created_at: new Date(created).toISOString(),
      updated_at: new Date(status === 'placed' ? created : created + 4.1 * HOUR).toISOString(),
    })
  }
}

const HOUR = 3_600_000

/**
 * Lets the shop live: every `seconds` an order moves on, and every third time somebody orders anew.
 * Returns how to stop it.
 */
export const letShopLive = (book: OrderBook, seconds: number): (() => void) => {
  let beat = 0
  const timer = setInterval(() => {
    beat += 1
    const moving = oldestUnderWay(book)
    const [next] = moving ? nextStatuses(moving.status) : []
    if (moving && next && beat % 3 !== 0) book.move(moving, next)
    else book.add(orderNumber(SEED_STATUSES.length + beat))
  }, seconds * 1000).unref()
  return () => clearInterval(timer)
}

/** The one that nothing has happened to for the longest time. */
const oldestUnderWay = (book: OrderBook): Order | undefined =>
  book
    .list()
    .filter(({ status }) => nextStatuses(status).length > 0)
    .reduce<Order | undefined>(
      (oldest, order) => (oldest && oldest.updated_at <= order.updated_at ? oldest : order),
      undefined,
    )

/** The nth order that ever comes in: always the same, so that a demo can be told beforehand. */
export const orderNumber = (n: number): NewOrder => {
  const [name, city] = CUSTOMERS[n % CUSTOMERS.length] ?? ['Ada Lovelace', 'London']
  const kinds = 1 + (n % 3)
  const items = Array.from({ length: kinds }, (_, index): Item => {
    const [sku, what, unit_price] = GOODS[(n * 5 + index * 7) % GOODS.length] ?? ['', '', 0]
    return { sku, name: what, quantity: 1 + ((n + index) % 4), unit_price }
  })
  return { customer: { name, city }, items }
}

const SEED_STATUSES: readonly OrderStatus[] = [
  'delivered',
  'delivered',
  'cancelled',
  'delivered',
  'shipped',
  'shipped',
  'shipped',
  'packed',
  'packed',
  'paid',
  'paid',
  'placed',
]

const CUSTOMERS: readonly (readonly [string, string])[] = [
  ['Mara Lindqvist', 'Gothenburg'],
  ['Tomás Herrera', 'Valencia'],
  ['Ines Duarte', 'Porto'],
  ['Jonas Weber', 'Leipzig'],
  ['Aoife Brennan', 'Galway'],
  ['Pieter de Vries', 'Utrecht'],
  ['Zofia Nowak', 'Kraków'],
  ['Camille Laurent', 'Lyon'],
  ['Elena Popescu', 'Cluj-Napoca'],
  ['Matteo Ricci', 'Bologna'],
  ['Signe Holm', 'Aarhus'],
]

const GOODS: readonly (readonly [string, string, number])[] = [
  ['KTL-017', 'Gooseneck kettle, 0.9 l', 64.9],
  ['GRD-302', 'Hand grinder, steel burrs', 119],
  ['BNS-110', 'Espresso beans, 1 kg', 27.5],
  ['BNS-124', 'Filter roast, 250 g', 11.8],
  ['CUP-006', 'Stoneware cup, set of 4', 38],
  ['FLT-200', 'Paper filters, 100', 6.4],
  ['SCL-041', 'Scale with timer', 54.5],
  ['JUG-012', 'Milk jug, 350 ml', 22.9],
  ['DRP-003', 'Dripper, size 02', 18.5],
  ['MCH-900', 'Lever machine, one group', 1290],
  ['CLN-050', 'Descaler, 500 ml', 9.9],
]
