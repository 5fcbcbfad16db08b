import type { KnownClient } from '../store/client-registry.ts'
import type { ClientRoom } from './client-changes.ts'
import { registryPage } from './registry-page.ts'
import { shownClient } from './shown-client.ts'

type ListQuery = {
  readonly limit: number
  readonly cursor?: string
  readonly source?: string
  readonly search?: string
}

export const listClients = async (query: ListQuery, { stores, config }: ClientRoom) => {
  const { items, ...rest } = await registryPage(query, {
    ofFile: async () =>
      (await stores.clients.list({ limit: 1 })).clients.filter(
        ({ client }) => client.source === 'file',
      ),
    nameOf: ({ client }) => client.client_id,
    async stored(cursor, limit) {
      const { clients, cursor: next } = await stores.clients.list({ cursor, limit })
      return { items: clients, cursor: next }
    },
    fits: fitting(query),
  })
  const lines = config().lines.clients
  return {
    items: items.map((known) => shownClient(known, lines.get(known.client.client_id))),
    ...rest,
  }
}

const fitting = ({ source, search }: ListQuery) => {
  if (source === undefined && search === undefined) return undefined
  const wanted = search?.toLowerCase() ?? ''
  return ({ client }: KnownClient): boolean =>
    (source === undefined || client.source === source) &&
    [client.client_id, client.client_name].some((text) => text?.toLowerCase().includes(wanted))
}
