import type { KnownClient } from '../store/client-registry.ts'
import type { ClientRoom } from './client-changes.ts'
import { asPage } from './list-query.ts'
import { shownClient } from './shown-client.ts'

/** So many are looked through in one call. */
const LOOKED_THROUGH = 2000

export const listClients = async (
  query: {
    readonly limit: number
    readonly cursor?: string
    readonly source?: string
    readonly search?: string
  },
  { stores, config }: ClientRoom,
) => {
  const wanted = query.search?.toLowerCase()
  const fits = ({ client }: KnownClient) =>
    (query.source === undefined || client.source === query.source) &&
    (wanted === undefined ||
      client.client_id.toLowerCase().includes(wanted) ||
      client.client_name?.toLowerCase().includes(wanted) === true)
  const found: KnownClient[] = []
  let { cursor } = query
  for (let seen = 0; seen < LOOKED_THROUGH; ) {
    const page = await stores.clients.list({
      limit: Math.max(10, query.limit - found.length),
      ...(cursor !== undefined && { cursor }),
    })
    found.push(...page.clients.filter(fits))
    seen += page.clients.length
    cursor = page.cursor
    if (cursor === undefined || found.length >= query.limit) break
  }
  const lines = config().lines.clients
  return asPage(
    found.map((known) => shownClient(known, lines.get(known.client.client_id))),
    cursor,
  )
}
