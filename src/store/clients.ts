import type { ClientSettings } from '../config/config.ts'

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
