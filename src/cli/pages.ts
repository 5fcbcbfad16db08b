import { type AdminConnection, apiPath } from './admin-connection.ts'

export type PageOptions = {
  readonly limit?: number
  readonly all?: boolean
  readonly cursor?: string
}

/** As the API has it: `next` where there is more. */
export type Listed<Item> = { readonly items: readonly Item[]; readonly next?: string }

/** Items of a list of the API, over as many of its pages as that takes. */
export const listItems = async <Item>(
  gateway: Pick<AdminConnection, 'get'>,
  segments: readonly string[],
  query: Readonly<Record<string, string | number | undefined>>,
  { limit = USUAL, all = false, cursor: first }: PageOptions,
): Promise<Listed<Item>> => {
  const most = all ? Number.POSITIVE_INFINITY : limit
  const items: Item[] = []
  let cursor = first
  do {
    const page = Math.min(PAGE, most - items.length)
    const { body } = await gateway.get(apiPath(segments, { ...query, limit: page, cursor }))
    const answered = body as Listed<Item>
    items.push(...answered.items)
    cursor = answered.next
  } while (cursor !== undefined && items.length < most)
  return { items, ...(cursor !== undefined && { next: cursor }) }
}

/** What a person is told where a list stops short. */
export const moreText = ({ next }: Listed<unknown>): string =>
  next === undefined ? '' : `(more: --all, or --cursor ${next})\n`

const USUAL = 100
/** The most that the API gives in one answer. */
const PAGE = 500
