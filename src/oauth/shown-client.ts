import type { Client } from '../store/clients.ts'

/** What a consent page says of who asks. `since`: only of one that nobody vouched for. */
export const shownClient = (
  client: Client,
): { readonly name: string; readonly uri?: string; readonly since?: string } => ({
  name: client.client_name ?? client.client_id,
  ...(client.client_uri !== undefined && { uri: client.client_uri }),
  ...(client.source === 'registered' && { since: `registered ${dayOf(client.created)}` }),
})

const dayOf = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 10)
