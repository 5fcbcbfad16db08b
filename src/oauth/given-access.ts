import type { Account } from '../store/accounts.ts'
import type { Consent } from '../store/consents.ts'
import type { Grant } from '../store/grants.ts'
import type { LastUse } from '../store/last-use.ts'
import type { Room } from './room.ts'
import { clientScope, withinScope } from './scope.ts'
import { type ShownClient, shownClient } from './shown-client.ts'

/** What one application has of a person. Times in seconds since the epoch. */
export type GivenAccess = {
  readonly client_id: string
  readonly client: ShownClient
  readonly scope: readonly string[]
  /** When it was first allowed. */
  readonly allowed: number
  readonly used?: LastUse
  /** False: there is no grant, but the person would not be asked again. */
  readonly active: boolean
}

/** All that a person has given and not taken back, what was used last first. Of clients that are gone there is nothing. */
export const givenAccess = async (
  account: Account,
  room: Pick<Room, 'stores' | 'config'>,
): Promise<readonly GivenAccess[]> => {
  const { lastUsed } = room.stores
  const [grants, consents] = await Promise.all([grantsOf(account, room), consentsOf(account, room)])
  const uses = await lastUsed.of(grants)
  const names = new Set([...grants, ...consents].map(({ client_id }) => client_id))
  const all = await Promise.all(
    [...names].map((client_id) =>
      ofClient(
        client_id,
        {
          grants: grants.filter((grant) => grant.client_id === client_id),
          consent: consents.find((consent) => consent.client_id === client_id),
          uses,
        },
        account,
        room,
      ),
    ),
  )
  return all
    .filter((access) => access !== undefined)
    .toSorted((a, b) => (b.used?.at ?? b.allowed) - (a.used?.at ?? a.allowed))
}

type Given = {
  readonly grants: readonly Grant[]
  readonly consent: Consent | undefined
  readonly uses: ReadonlyMap<string, LastUse>
}

const ofClient = async (
  client_id: string,
  { grants, consent, uses }: Given,
  account: Account,
  { stores, config }: Pick<Room, 'stores' | 'config'>,
): Promise<GivenAccess | undefined> => {
  const client = await stores.clients.find(client_id)
  if (!client) return undefined
  const active = grants.length > 0
  const given = active ? grants.flatMap(({ scope }) => scope) : (consent?.scope ?? [])
  const may = withinScope(clientScope(client, config), account.scope)
  const used = grants
    .flatMap(({ id }) => uses.get(id) ?? [])
    .reduce<LastUse | undefined>((last, use) => (last && last.at > use.at ? last : use), undefined)
  return {
    client_id,
    client: shownClient(client),
    scope: may.filter((name) => given.includes(name)),
    allowed: Math.min(...grants.map(({ created }) => created), consent?.at ?? Infinity),
    active,
    ...(used && { used }),
  }
}

/** Those whose code was redeemed: the others come to nothing in a minute. */
const grantsOf = async (
  account: Account,
  { stores }: Pick<Room, 'stores'>,
): Promise<readonly Grant[]> => {
  const found: Grant[] = []
  let cursor: string | undefined
  do {
    const page = await stores.grants.ofAccount(account.sub, cursor)
    found.push(...page.grants.filter((grant) => grant.redeemed))
    cursor = page.cursor
  } while (cursor !== undefined && found.length < MOST)
  return found
}

const consentsOf = async (
  account: Account,
  { stores }: Pick<Room, 'stores'>,
): Promise<readonly Consent[]> => {
  const found: Consent[] = []
  let cursor: string | undefined
  do {
    const page = await stores.consents.ofAccount(account.sub, cursor)
    found.push(...page.consents)
    cursor = page.cursor
  } while (cursor !== undefined && found.length < MOST)
  return found
}

/** More than a page can show; what is left out is reached once some of these are taken back. */
const MOST = 1000
