import type { Clock } from '../clock.ts'
import type { ClientSettings, RegistrationPolicy } from '../config/config.ts'
import type { EndNote } from './gone.ts'
import { digest, equalDigests } from './secrets.ts'
import type { Disabled, Standings } from './standing.ts'
import type { Store } from './store.ts'

/**
 * Where a client comes from. `operator`: the admin API or the command line, trusted as much as the file; `registered`: it
 * told us of itself (RFC 7591), and nobody vouches for it.
 */
type ClientSource = 'file' | 'operator' | 'registered'

export type Client = Omit<ClientSettings, 'client_secret' | 'disabled'> &
  ClientDescription & {
    /** SHA-256 of each secret that is good now, base64url. Empty: a public client. */
    readonly secret_digests: readonly string[]
    readonly source: ClientSource
    /** Seconds since the epoch; 0 for a client of the file. */
    readonly created: number
  }

/** What a client says of itself (RFC 7591 §2), kept and given back, and of no consequence. */
type ClientDescription = {
  readonly logo_uri?: string
  readonly tos_uri?: string
  readonly policy_uri?: string
  readonly contacts?: readonly string[]
  readonly software_id?: string
  readonly software_version?: string
  readonly application_type?: string
}

/** A client of run time, as it is written. */
export type StoredClient = Omit<Client, 'secret_digests' | 'source'> & {
  readonly source: Exclude<ClientSource, 'file'>
  readonly secrets: readonly KeptSecret[]
  /** SHA-256 of its registration access token (RFC 7592 §3), base64url. */
  readonly access_digest?: string
}

/** SHA-256 of a secret, base64url. `until`: seconds; undefined: for good. */
type KeptSecret = { readonly digest: string; readonly until?: number }

/** What lets a client in: nothing is changed through it. */
export type Clients = {
  /** Synchronous, as a rule, for a client of the file. Undefined: unknown or disabled. */
  find(client_id: string): Client | undefined | Promise<Client | undefined>
  /** Compares digests, in constant time; as long for an unknown client. False for a public one. */
  verifySecret(client: Client | undefined, secret: string): boolean
  /** That it was disabled, and why; as far as memory holds it. */
  endOf(client_id: string): Pick<EndNote, 'at' | 'reason'> | undefined
}

/** `replace` takes on the clients of another configuration. */
export type FileClients = Clients & {
  replace(settings: readonly ClientSettings[]): void
  /** Those of the file, disabled ones too. */
  ofFile(): ReadonlyMap<string, FileClient>
}

export type FileClient = { readonly client: Client; readonly disabled?: Disabled }

type ClientDeps = {
  readonly store: Pick<Store, 'get'>
  readonly clock: Clock
  readonly standings: Pick<Standings, 'disabled' | 'known'>
  readonly settings: readonly ClientSettings[]
  /** What those that registered themselves may have at most. */
  readonly policy: () => Policy
}

export const createClients = (deps: ClientDeps): FileClients => {
  const { store, clock, standings } = deps
  let ofFile = byId(deps.settings)

  const unlessDisabled = async (
    disabled: Promise<Disabled | undefined>,
    client: Client | undefined,
  ): Promise<Client | undefined> => ((await disabled) === undefined ? client : undefined)

  const findStored = async (client_id: string): Promise<Client | undefined> => {
    const row = await store.get(clientKey(client_id))
    if (row === undefined) return undefined
    if ((await standings.disabled({ client_id })) !== undefined) return undefined
    return asClient(JSON.parse(row), clock(), deps.policy())
  }

  return {
    find(client_id) {
      const known = ofFile.get(client_id)
      if (known === undefined) return findStored(client_id)
      if (known.disabled !== undefined) return undefined
      const disabled = standings.disabled({ client_id })
      if (disabled instanceof Promise) return unlessDisabled(disabled, known.client)
      return disabled === undefined ? known.client : undefined
    },
    verifySecret(client, secret) {
      const presented = digest(secret)
      const digests = client?.secret_digests ?? []
      const matches = (digests.length === 0 ? [NONE] : digests).map((d) =>
        equalDigests(d, presented),
      )
      return digests.length > 0 && matches.includes(true)
    },
    endOf: (client_id) => ofFile.get(client_id)?.disabled ?? standings.known({ client_id }),
    replace(settings) {
      ofFile = byId(settings)
    },
    ofFile: () => ofFile,
  }
}

export type Policy = Pick<RegistrationPolicy, 'scope' | 'grant_types'>

/** A stored client as it counts now: secrets that are good, scopes and grant types that it may still have. */
export const asClient = (
  { secrets, access_digest: _, ...client }: StoredClient,
  now: number,
  policy: Policy,
): Client => {
  const good = secrets.filter(({ until }) => until === undefined || until > now)
  // One whose secrets have all run out has not become a public one.
  const secret_digests =
    good.length === 0 && secrets.length > 0 ? [NO_SECRET] : good.map((secret) => secret.digest)
  if (client.source === 'operator') return { ...client, secret_digests }
  const grant_types = client.grant_types.filter((type) => policy.grant_types.includes(type))
  if (policy.scope === undefined) return { ...client, secret_digests, grant_types }
  return { ...client, secret_digests, grant_types, scope: within(client.scope, policy.scope) }
}

/** Both space-separated. '' opens nothing. */
const within = (own: string | undefined, most: string): string => {
  const allowed = most.split(' ')
  return own === undefined
    ? most
    : own
        .split(' ')
        .filter((name) => allowed.includes(name))
        .join(' ')
}

const byId = (settings: readonly ClientSettings[]): ReadonlyMap<string, FileClient> =>
  new Map(settings.map((client) => [client.client_id, fromFile(client)]))

const fromFile = ({ client_secret, disabled, ...client }: ClientSettings): FileClient => ({
  client: {
    ...client,
    secret_digests: secretsOf(client_secret).map(digest),
    source: 'file',
    created: 0,
  },
  ...(disabled && { disabled: { at: 0, reason: 'disabled in the configuration' } }),
})

const secretsOf = (given: ClientSettings['client_secret']): readonly string[] => {
  if (given === undefined) return []
  return typeof given === 'string' ? [given] : given
}

const NONE = digest('')
const NO_SECRET = 'none'
export const clientKey = (client_id: string): string => `client:${client_id}`
