import type { Grant } from '../store/grants.ts'
import type { LastUse } from '../store/last-use.ts'
import type { Room } from './room.ts'

/** Grants of all clients, as many as are looked at. */
export type Survey = {
  readonly grants: readonly { readonly grant: Grant; readonly use: LastUse | undefined }[]
  readonly clients: number
  /** There are others. */
  readonly more: boolean
}

/** Looks through the grants of one client after the other: a bounded number of both, whatever the store holds. */
export const surveyGrants = async ({ stores }: Pick<Room, 'stores'>): Promise<Survey> => {
  const { clients, cursor } = await stores.clients.list({ limit: MOST_CLIENTS })
  const grants: Grant[] = []
  let looked = 0
  let cut = false
  for (const { client } of clients) {
    if (grants.length >= MOST_GRANTS) break
    const page = await stores.grants.ofClient(client.client_id, undefined, EACH)
    grants.push(...page.grants)
    looked += 1
    cut ||= page.cursor !== undefined
  }
  const uses = await stores.lastUsed.of(grants)
  return {
    grants: grants.map((grant) => ({ grant, use: uses.get(grant.id) })),
    clients: looked,
    more: cut || looked < clients.length || cursor !== undefined,
  }
}

const MOST_CLIENTS = 200
const MOST_GRANTS = 2000
/** Of one client, so that one does not hide the others. */
const EACH = 200
