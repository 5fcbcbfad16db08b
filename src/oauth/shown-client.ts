import type { Client } from '../store/clients.ts'

/** What pages say of a client. `since`: only of one that nobody vouched for. */
export type ShownClient = { readonly name: string; readonly uri?: string; readonly since?: string }

export const shownClient = (client: Client): ShownClient => ({
  name: client.client_name ?? client.client_id,
  ...(client.client_uri !== undefined && { uri: client.client_uri }),
  ...(client.source === 'registered' && { since: `registered ${dayOf(client.created)}` }),
})

const dayOf = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 10)
