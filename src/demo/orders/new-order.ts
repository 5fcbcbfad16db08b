import type { Item, NewOrder } from './order-book.ts'

/** Reads an order out of parsed JSON: `{customer: {name, city}, items: [{sku, name, quantity, unit_price}]}`, or says what is wrong. */
export const readNewOrder = (body: unknown): NewOrder | string => {
  if (!isRecord(body)) return 'An order is an object'
  const { customer, items } = body
  if (!isRecord(customer)) return 'customer has to be an object'
  const { name, city } = customer
  if (!isText(name) || !isText(city)) {
    return 'customer.name and customer.city have to be texts of 1 to 200 characters'
  }
  if (!Array.isArray(items) || items.length < 1 || items.length > 50) {
    return 'items has to be a list of 1 to 50'
  }
  const read = items.map(readItem)
  const wrong = read.indexOf(undefined)
  if (wrong >= 0) {
    return `items[${wrong}] needs sku, name, a quantity of 1 to 1000 and a unit_price from 0`
  }
  return { customer: { name, city }, items: read.filter((item) => item !== undefined) }
}

const readItem = (item: unknown): Item | undefined => {
  if (!isRecord(item)) return undefined
  const { sku, name, quantity, unit_price } = item
  if (!isText(sku) || !isText(name)) return undefined
  if (!isNumber(quantity, 1, 1000) || !Number.isInteger(quantity)) return undefined
  return isNumber(unit_price, 0, 1_000_000) ? { sku, name, quantity, unit_price } : undefined
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length >= 1 && value.length <= 200

const isNumber = (value: unknown, least: number, most: number): value is number =>
  typeof value === 'number' && value >= least && value <= most
