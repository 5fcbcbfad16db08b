import type { Clock } from '../clock.ts'
import type { ClientSettings } from '../config/config.ts'
import { endMessage } from './ended.ts'
import { digest, equal } from './secrets.ts'
import type { Store } from './store.ts'

export type Client = Omit<ClientSettings, 'client_secret'> & {
  /** SHA-256 of each secret that is good now, base64url. Empty: a public client. */
  readonly secret_digests: readonly string[]
  readonly source: 'file' | 'registered'
  /** Seconds since the epoch; 0 for a client of the file. */
  readonly created: number
}

export type Clients = {
  /** Synchronous for a client of the file. */
  find(client_id: string): Client | undefined | Promise<Client | undefined>
  /** Compares digests, in constant time; as long for an unknown client. False for a public one. */
  verifySecret(client: Client | undefined, secret: string): boolean
  /** Writes a registered client until `expires` (seconds); one of the file keeps its name. */
  save(client: Client, expires: number): Promise<void>
  /** Deletes a registered client; every token of it is refused from then on. */
  remove(client_id: string): Promise<void>
}

/** `replace` takes on the clients of another configuration. */
export type FileClients = Clients & { replace(settings: readonly ClientSettings[]): void }

export const createClients = (deps: {
  readonly store: Store
  readonly clock: Clock
  readonly settings: readonly ClientSettings[]
}): FileClients => {
  const { store } = deps
  let ofFile = byId(deps.settings)

  const findRegistered = async (client_id: string): Promise<Client | undefined> => {
    const row = await store.get(clientKey(client_id))
    return row === undefined ? undefined : JSON.parse(row)
  }

  return {
    find: (client_id) => ofFile.get(client_id) ?? findRegistered(client_id),
    verifySecret(client, secret) {
      const presented = digest(secret)
      const digests = client?.secret_digests ?? []
      const matches = (digests.length === 0 ? [NONE] : digests).map((d) => equal(d, presented))
      return digests.length > 0 && matches.includes(true)
    },
    async save(client, expires) {
      const { client_id } = client
      const value = JSON.stringify({ ...client, source: 'registered' })
      await store.batch([
        { op: 'set', key: clientKey(client_id), value, expires: expires * 1000, indexes: [INDEX] },
      ])
    },
    async remove(client_id) {
      await store.batch([{ op: 'delete', key: clientKey(client_id) }], [endMessage({ client_id })])
    },
    replace(settings) {
      ofFile = byId(settings)
    },
  }
}

const byId = (settings: readonly ClientSettings[]): ReadonlyMap<string, Client> =>
  new Map(settings.map((client) => [client.client_id, fromFile(client)]))

const fromFile = ({ client_secret, ...client }: ClientSettings): Client => ({
  ...client,
  secret_digests: secretsOf(client_secret).map(digest),
  source: 'file',
  created: 0,
})

const secretsOf = (given: ClientSettings['client_secret']): readonly string[] => {
  if (given === undefined) return []
  return typeof given === 'string' ? [given] : given
}

const INDEX = 'clients'
const NONE = digest('')
const clientKey = (client_id: string): string => `client:${client_id}`
