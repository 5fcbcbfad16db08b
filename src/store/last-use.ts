import type { Grant } from './grants.ts'

/** What is known of the use of a grant, or of all that a client holds for itself. Times in seconds since the epoch. */
export type LastUse = {
  readonly at: number
  /** Where it was then: the path of the route, as configured. */
  readonly route: string
  /** When each scope was last used. */
  readonly scopes: ReadonlyMap<string, number>
  /** Of uses up to then the scopes are not known: an earlier release wrote them down. */
  readonly unscoped?: number
}

/**
 * Under which name use is told: by grant; what a client holds for itself together, since each token of it is a grant of its
 * own. No grant is named as a client is: there is no colon in its name.
 */
export const useNameOf = ({ id, client_id, sub }: Pick<Grant, 'id' | 'client_id' | 'sub'>) =>
  sub === ownUseName(client_id) ? sub : id

export const ownUseName = (client_id: string): string => `${OWN}${client_id}`

/** Undefined: it is the name of a grant. */
export const clientOfUse = (name: string): string | undefined =>
  name.startsWith(OWN) ? name.slice(OWN.length) : undefined

const OWN = 'client:'

export const lastUsedKey = (name: string): string => `last-used:${name}`

/** The later of each, as processes told them. */
export const mergeUses = (one: LastUse | undefined, other: LastUse): LastUse => {
  if (one === undefined) return other
  const { at, route } = one.at > other.at ? one : other
  const scopes = new Map(one.scopes)
  for (const [name, then] of other.scopes) scopes.set(name, Math.max(then, scopes.get(name) ?? 0))
  const unscoped = Math.max(one.unscoped ?? 0, other.unscoped ?? 0)
  return { at, route, scopes, ...(unscoped > 0 && { unscoped }) }
}

type Row = {
  readonly at: number
  readonly route: string
  /** Left out by earlier releases. */
  readonly scopes?: Readonly<Record<string, number>>
  readonly unscoped?: number
  /** Of a client's own: its term. What was told of a former one is not told of who has its name now. */
  readonly term?: string
}

/** Undefined: it is damaged, and may be written anew: it is of no consequence. */
const parse = (row: string): Row | undefined => {
  try {
    return JSON.parse(row)
  } catch {
    return undefined
  }
}

/** Undefined: there is none, or it is of another term. */
export const readUse = (row: string | undefined, term: string | undefined): LastUse | undefined => {
  const read = row === undefined ? undefined : parse(row)
  if (read === undefined || read.term !== term) return undefined
  const { at, route, scopes, unscoped = scopes ? undefined : at } = read
  const known = new Map(Object.entries(scopes ?? {}))
  return { at, route, scopes: known, ...(unscoped !== undefined && { unscoped }) }
}

/** Without scopes that nobody has used since `since`, seconds: so there are no more of them than were configured since. */
export const writeUse = (use: LastUse, term: string | undefined, since: number): string => {
  const { at, route, scopes, unscoped } = use
  const recent = [...scopes].filter(([, then]) => then >= since)
  const row: Row = {
    ...{ at, route, scopes: Object.fromEntries(recent) },
    ...(unscoped !== undefined && { unscoped }),
    ...(term !== undefined && { term }),
  }
  return JSON.stringify(row)
}
