import { likenessOf } from '../config/likeness.ts'
import type { Client, StoredClient } from './clients.ts'
import { digest } from './secrets.ts'

export const namesOf = ({ client_id, client_name }: Pick<Client, 'client_id' | 'client_name'>) =>
  client_name === undefined ? [client_id] : [client_name, client_id]

/** Those that an operator vouches for are found by what they are called. */
export const indexesOf = (client: StoredClient): readonly string[] => [
  ALL,
  indexOf(client.source),
  ...(client.source === 'operator' ? namesOf(client).map((n) => likeIndex(likenessOf(n))) : []),
]

export const ALL = 'clients'
export const indexOf = (source: StoredClient['source']): string => `clients:${source}`
export const likeIndex = (likeness: string): string => `clients:like:${digest(likeness)}`
