import type { Clock } from '../clock.ts'
import { likenessOf } from '../config/likeness.ts'
import type { Log, LogFields } from '../telemetry/log.ts'
import { ALL, indexesOf, indexOf, likeIndex, namesOf } from './client-indexes.ts'
import { losesScope, withSecret } from './client-steps.ts'
import { createClientUse, type UsesOfClient } from './client-use.ts'
import {
  asClient,
  type Client,
  clientKey,
  type FileClient,
  type FileClients,
  type Policy,
  type StoredClient,
} from './clients.ts'
import { endMessage } from './ended.ts'
import type { LastUsed } from './last-used.ts'
import { createRowCount } from './row-count.ts'
import { digest, type Secrets } from './secrets.ts'
import type { Disabled, Standings } from './standing.ts'
import { FOR_EVER, type Store, StoreUnavailable, type Write } from './store.ts'

/** A client as an operator sees it. */
export type KnownClient = UsesOfClient & {
  readonly client: Client
  readonly disabled?: Disabled
  /** Tells what is stored of it from what will be; '' for one of the file. */
  readonly version: string
  /** Of one of run time: its secrets as they are kept, former ones with their ends. */
  readonly secrets?: StoredClient['secrets']
}

/** `conflict`: it is not at the version that was given, or others keep changing it. */
type Changed =
  | { readonly outcome: 'changed'; readonly known: KnownClient }
  | { readonly outcome: 'conflict' | 'unknown' | 'of the file' }

/** Clients that come, change and go at run time. `by` goes to the audit log: who did it. */
export type ClientRegistry = {
  /** Of any source, disabled ones too. */
  read(client_id: string): Promise<KnownClient | undefined>
  /** The stored form, for who keeps a registration access token. Undefined: unknown, disabled, or of the file. */
  findStored(client_id: string): Promise<StoredClient | undefined>
  /** Those of the file first, then the oldest. */
  list(options?: {
    readonly cursor?: string
    readonly limit?: number
  }): Promise<{ readonly clients: readonly KnownClient[]; readonly cursor: string | undefined }>
  /** False: the name is taken. */
  create(client: StoredClient, by?: LogFields): Promise<boolean>
  /** Compare and set. `version` undefined: whatever it is now. What it loses by this, its tokens lose at once. */
  change(
    client_id: string,
    version: string | undefined,
    next: (client: StoredClient) => StoredClient,
    by?: LogFields,
  ): Promise<Changed>
  /**
   * A new secret; the former one stays good for `overlap` seconds more, one before that ends. Undefined: unknown, public,
   * or of the file.
   */
  rotateSecret(client_id: string, overlap: number, by?: LogFields): Promise<string | undefined>
  /**
   * Deletes it, and everything that it was given. `version`: only what stands so. False: unknown, of the file, or of another
   * version.
   */
  remove(client_id: string, reason: string, by?: LogFields, version?: string): Promise<boolean>
  /** Refuses it everywhere from now on, and ends what it was given, for good. False: unknown, or disabled already. */
  disable(client_id: string, reason: string, by?: LogFields): Promise<boolean>
  /** Lets it ask anew. False: it was not disabled here. */
  enable(client_id: string, by?: LogFields): Promise<boolean>
  isDisabled(client_id: string): boolean | Promise<boolean>
  /** That it was given a token: one that registered itself stays for that. Never rejects. */
  used(client: Client): Promise<void>
  /** Whether a name could be taken for that of a client that an operator vouches for. */
  resembles(name: string): Promise<boolean>
  /** Whether fewer than `most` have registered themselves; to the minute. */
  hasRoom(most: number): Promise<boolean>
}

type RegistryDeps = {
  readonly store: Store
  readonly secrets: Pick<Secrets, 'mint'>
  readonly clock: Clock
  readonly log: Log
  readonly standings: Standings
  readonly clients: Pick<FileClients, 'ofFile'>
  readonly policy: () => Policy
  readonly lastUsed: Pick<LastUsed, 'own'>
  /** Seconds that one that registered itself stays, before its first use and after its last; `grant`: the longest life of a grant. */
  readonly lives: () => { readonly unused: number; readonly idle: number; readonly grant: number }
  /**
   * Takes out of the store what was given to a client (`over`: so far as its term is over, since its name may be given
   * again); late, if the store does not answer.
   */
  readonly endAll: (client_id: string, reason: string, which: 'all' | 'over') => Promise<void>
}

export const createClientRegistry = (deps: RegistryDeps): ClientRegistry => {
  const { store, clock, log, standings, clients } = deps
  const registered = createRowCount(store, clock, indexOf('registered'))
  const use = createClientUse({ ...deps, row: (client) => rowOf(client, true) })

  const rowOf = (client: StoredClient, isUsed: boolean) => {
    const { client_id, source, created } = client
    const { unused, idle, grant } = deps.lives()
    const end = isUsed ? clock() + Math.max(idle, grant) : created + unused
    return {
      key: clientKey(client_id),
      expires: source === 'registered' ? end * 1000 : FOR_EVER,
      indexes: indexesOf(client),
    }
  }

  const knownStored = (row: string, uses?: UsesOfClient): KnownClient => {
    const stored: StoredClient = JSON.parse(row)
    const client = asClient(stored, clock(), deps.policy())
    const disabled = standings.known(stored)
    return {
      client,
      version: digest(row),
      secrets: stored.secrets,
      ...(disabled && { disabled }),
      ...uses,
    }
  }

  const knownOfFile = (known: FileClient, uses?: UsesOfClient): KnownClient => {
    const disabled = known.disabled ?? standings.known(known.client)
    return { client: known.client, version: '', ...(disabled && { disabled }), ...uses }
  }

  const readRows = async (client_id: string) => {
    const [row, ...rows] = await store.getMany([clientKey(client_id), ...use.keys(client_id)])
    return [row, use.read(client_id, rows)] as const
  }

  const read: ClientRegistry['read'] = async (client_id) => {
    const known = clients.ofFile().get(client_id)
    const [row, uses] = await readRows(client_id)
    if (known !== undefined) return knownOfFile(known, uses)
    return row === undefined ? undefined : knownStored(row, uses)
  }

  const rewrite = async (
    client_id: string,
    version: string | undefined,
    next: (client: StoredClient) => StoredClient,
  ): Promise<Changed> => {
    if (clients.ofFile().has(client_id)) return { outcome: 'of the file' }
    for (let left = TRIES; left > 0; left -= 1) {
      const [row, uses] = await readRows(client_id)
      if (row === undefined) return { outcome: 'unknown' }
      if (version !== undefined && digest(row) !== version) return { outcome: 'conflict' }
      const stored: StoredClient = JSON.parse(row)
      const changed = next(stored)
      const value = JSON.stringify(changed)
      const swap = { ...rowOf(changed, uses.last_used !== undefined), expected: row, next: value }
      // Cached tokens know their scopes from before.
      const told = losesScope(stored, changed) ? [NARROWED] : []
      if (await store.batch([{ op: 'swap', ...swap }], told))
        return { outcome: 'changed', known: knownStored(value, uses) }
    }
    return { outcome: 'conflict' }
  }

  /**
   * In one step with the end of what it was given. What was changed in the meantime is not what was to be deleted; and of many
   * that ask at once one has done it: counted twice, it would make room for more than there may be.
   */
  const takeAway = async (client_id: string, version: string | undefined) => {
    if (clients.ofFile().has(client_id)) return undefined
    const key = clientKey(client_id)
    const deletes = [key, ...use.keys(client_id)].map((one): Write => ({ op: 'delete', key: one }))
    for (let left = TRIES; left > 0; left -= 1) {
      const row = await store.get(key)
      if (row === undefined || (version !== undefined && digest(row) !== version)) return undefined
      const client: StoredClient = JSON.parse(row)
      const over = await ending(client)
      const held: Write = { op: 'swap', key, expected: row, next: row, expires: FOR_EVER }
      const writes = [held, ...deletes, ...(over ? [over.write] : [])]
      if (await store.batch(writes, [...(over?.messages ?? []), endMessage({ client_id })])) {
        over?.done()
        return client
      }
    }
    throw new StoreUnavailable(`others keep changing ${client_id}`)
  }

  /** Nobody is given the name of one that registered itself again. */
  const ending = ({ client_id, source, tokens }: StoredClient) => {
    if (source !== 'operator' && standings.epochOf({ client_id }) === '') return undefined
    const longest = Math.max(deps.lives().grant, tokens.grant ?? 0)
    return standings.renewal({ client_id }, (clock() + longest) * 1000, 'anew')
  }

  const change: ClientRegistry['change'] = async (client_id, version, next, by = {}) => {
    const changed = await rewrite(client_id, version, next)
    if (changed.outcome === 'changed') {
      const { source } = changed.known.client
      log.audit('client.changed', { client_id, source, ...by })
    }
    return changed
  }

  return {
    read,
    change,
    async findStored(client_id) {
      if (clients.ofFile().has(client_id)) return undefined
      const row = await store.get(clientKey(client_id))
      const disabled = await standings.disabled({ client_id })
      return row === undefined || disabled !== undefined ? undefined : JSON.parse(row)
    },
    async list({ cursor, limit = 100 } = {}) {
      const page = await store.list(ALL, { limit, ...(cursor !== undefined && { cursor }) })
      const ofFile = cursor === undefined ? [...clients.ofFile().values()] : []
      const stored = page.rows.filter(({ key }) => !clients.ofFile().has(key.slice(PREFIX.length)))
      const names = [
        ...ofFile.map(({ client }) => client.client_id),
        ...stored.map(({ key }) => key.slice(PREFIX.length)),
      ]
      const uses = await use.of(names)
      return {
        clients: [
          ...ofFile.map((known, index) => knownOfFile(known, uses[index])),
          ...stored.map(({ value }, index) => knownStored(value, uses[ofFile.length + index])),
        ],
        cursor: page.cursor,
      }
    },
    async create(client, by = {}) {
      const { client_id, client_name, source } = client
      if (clients.ofFile().has(client_id)) return false
      if (source === 'operator') await standings.keep(client)
      const next = JSON.stringify(client)
      const row = { ...rowOf(client, false), expected: undefined, next }
      if (!(await store.swap(row))) return false
      if (source === 'registered') registered.add()
      const event = source === 'registered' ? 'client.registered' : 'client.created'
      log.audit(event, { client_id, client_name, redirect_uris: client.redirect_uris, ...by })
      return true
    },
    async rotateSecret(client_id, overlap, by = {}) {
      const secret = deps.secrets.mint('client-secret')
      const until = clock() + overlap
      const changed = await rewrite(client_id, undefined, (client) =>
        client.secrets.length === 0 ? client : withSecret(client, digest(secret), until),
      )
      if (changed.outcome === 'conflict') throw new StoreUnavailable(`${client_id} keeps changing`)
      if (changed.outcome !== 'changed') return undefined
      if (!changed.known.client.secret_digests.includes(digest(secret))) return undefined
      log.audit('client.secret_rotated', { client_id, overlap, ...by })
      return secret
    },
    async remove(client_id, reason, by = {}, version) {
      const source = (await takeAway(client_id, version))?.source
      if (source === undefined) return false
      if (source === 'registered') registered.add(-1)
      log.audit('client.removed', { client_id, source, reason, ...by })
      await deps.endAll(client_id, reason, source === 'registered' ? 'all' : 'over')
      return true
    },
    async disable(client_id, reason, by = {}) {
      if ((await read(client_id)) === undefined) return false
      if (!(await standings.disable({ client_id }, reason))) return false
      log.audit('client.disabled', { client_id, reason, ...by })
      await deps.endAll(client_id, `client disabled: ${reason}`, 'over')
      return true
    },
    async enable(client_id, by = {}) {
      if (!(await standings.enable({ client_id }))) return false
      log.audit('client.enabled', { client_id, ...by })
      return true
    },
    isDisabled(client_id) {
      if (clients.ofFile().get(client_id)?.disabled !== undefined) return true
      const disabled = standings.disabled({ client_id })
      if (disabled instanceof Promise) return disabled.then((found) => found !== undefined)
      return disabled !== undefined
    },
    used: use.note,
    async resembles(name) {
      const likeness = likenessOf(name)
      if (likeness === '') return false
      for (const { client } of clients.ofFile().values())
        if (namesOf(client).some((known) => likenessOf(known) === likeness)) return true
      return (await store.list(likeIndex(likeness), { limit: 1 })).rows.length > 0
    },
    hasRoom: (most) => registered.isBelow(most),
  }
}

/** Among the messages of the channel: what is cached may show more than is left. */
export const NARROWED = 'narrowed'

const PREFIX = clientKey('')
const TRIES = 5
