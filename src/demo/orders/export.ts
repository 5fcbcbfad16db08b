import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { orderNumber } from './shop-life.ts'

/** What an export may ask for. */
export type ExportRequest = { readonly rows: number; readonly format: 'csv' | 'ndjson' }

/** About 50 MB as CSV. */
const DEFAULT_ROWS = 830_000
export const MOST_ROWS = 50_000_000

/** Reads `?rows=` and `?format=`. Undefined: they are no such thing. */
export const exportRequest = (query: URLSearchParams): ExportRequest | undefined => {
  const rows = Number(query.get('rows') ?? DEFAULT_ROWS)
  const format = query.get('format') ?? 'csv'
  if (!Number.isSafeInteger(rows) || rows < 0 || rows > MOST_ROWS) return undefined
  return format === 'csv' || format === 'ndjson' ? { rows, format } : undefined
}

/** Streams the archive of the shop at the reader's pace. Resolves when it is sent or the reader is gone. */
export const sendExport = async (
  { rows, format }: ExportRequest,
  res: ServerResponse,
): Promise<void> => {
  res.writeHead(200, {
    'Content-Type': format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson',
    'Content-Disposition': `attachment; filename="orders.${format}"`,
    'Cache-Control': 'no-store',
  })
  // A reader who leaves is no failure of ours.
  await pipeline(Readable.from(blocks(rows, format), { objectMode: false }), res).catch(() => {})
}

function* blocks(rows: number, format: ExportRequest['format']): Generator<Buffer> {
  const row = format === 'csv' ? csvRow : jsonRow
  let block = format === 'csv' ? 'id,placed_on,customer,city,sku,quantity,total\n' : ''
  for (let n = 0; n < rows; n += 1) {
    block += row(n)
    if (block.length > BLOCK) {
      yield Buffer.from(block)
      block = ''
    }
  }
  if (block !== '') yield Buffer.from(block)
}

const BLOCK = 65_536

type Row = {
  readonly id: string
  readonly placed_on: string
  readonly customer: string
  readonly city: string
  readonly sku: string
  readonly quantity: number
  readonly total: string
}

/** Only the first few hundred orders differ in more than number and day: enough for a file to look like one. */
const rowOf = (n: number): Row => {
  const { customer, items } = SAMPLES[n % SAMPLES.length] ?? orderNumber(0)
  const total = items.reduce((sum, item) => sum + item.unit_price * item.quantity, 0)
  return {
    id: `arc_${n + 1}`,
    placed_on: DAYS[n % DAYS.length] ?? '',
    customer: customer.name,
    city: customer.city,
    sku: items[0]?.sku ?? '',
    quantity: items[0]?.quantity ?? 0,
    total: total.toFixed(2),
  }
}

const SAMPLES = Array.from({ length: 12 * 11 }, (_, n) => orderNumber(n))

const DAYS = Array.from({ length: 365 }, (_, day) =>
  new Date(Date.UTC(2025, 0, 1 + day)).toISOString().slice(0, 10),
)

const csvRow = (n: number): string => `${Object.values(rowOf(n)).join(',')}\n`

const jsonRow = (n: number): string => `${JSON.stringify(rowOf(n))}\n`
