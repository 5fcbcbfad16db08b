import type { Config } from '../config/config.ts'
import { endMessage, readEnd } from './ended.ts'
import type { Secrets } from './secrets.ts'
import { FOR_EVER, type Store, StoreUnavailable } from './store.ts'
import type { Ended } from './tokens.ts'

/**
 * What the file calls a client or an account has a term: from when the file names it, until it no longer does or names it
 * with another password. What was given in a former term is over, and stays so when the name is given again, to somebody
 * else perhaps. Terms are drawn by lot, not told by the clock.
 */
export type Terms = {
  /** What is written into a grant or a consent. Undefined: neither name was ever given before. */
  of(client_id: string, sub: string): string | undefined
  /** What is written into a session. */
  ofAccount(sub: string): string | undefined
  /** Whether the file names this client, or this account, now. */
  names(named: Ended): boolean
}

export type FileTerms = Terms & {
  /** Takes on the names of a configuration; returns those whose term is over, in this process from now on. */
  replace(config: Named): readonly Ended[]
  /**
   * Takes on the terms that other processes on the store gave since; `over` hears whose term here that ended. Names of
   * ours that they dropped are written again, in a new term, so that those who do name them agree on it.
   */
  look(over: Over): Promise<void>
  /** Looks, then writes our terms, and no others, for the starts to come. The other processes are told: `NAMES`. */
  keep(over: Over): Promise<void>
}

type Over = (ended: readonly Ended[]) => void

/** The message that says: look. */
export const NAMES = 'names'

type Named = Pick<Config, 'clients' | 'accounts'>

type Entry = {
  readonly term: string
  /** A keyed tag over the password of an account, which tells another one and nothing else; '' for a client. */
  readonly proof: string
  /**
   * What stands in the store instead: another process has read a file with another password. It may be the newer one, so
   * that its entry is not replaced before we have read ours anew.
   */
  readonly elsewhere?: Entry
}
type Entries = ReadonlyMap<string, Entry>

/** Knows the terms that the store knows, and no name of the configuration before `replace`. */
export const openTerms = async (deps: {
  readonly store: Pick<Store, 'get' | 'batch'>
  readonly secrets: Pick<Secrets, 'id' | 'tag' | 'verifyTag'>
}): Promise<FileTerms> => {
  const { store, secrets } = deps
  let seen = await store.get(KEY)
  let entries = parse(seen)
  let passwords: Passwords = new Map()
  // Of a store that has never seen a configuration nothing can be of a former term.
  let draw = seen === undefined ? () => '' : secrets.id

  const proofOf = (key: string): string => {
    const password = passwords.get(key)
    return password === undefined ? '' : secrets.tag('account', [key, password])
  }

  const stands = (key: string, { proof }: Entry): boolean => {
    const password = passwords.get(key)
    return password === undefined || secrets.verifyTag('account', [key, password], proof)
  }

  /** An entry with the proof by the first key, or a new one where it is over. */
  const renew = (key: string, entry: Entry | undefined): Entry => {
    const proof = proofOf(key)
    // Mostly it is the same text: one tag an account, not two, at each start.
    const same = entry?.proof === proof
    if (entry !== undefined && (same || stands(key, entry))) return { ...entry, proof }
    const elsewhere = entry?.elsewhere
    const known = elsewhere !== undefined && stands(key, elsewhere)
    return { term: known ? elsewhere.term : draw(), proof }
  }

  // A name whose entry another process has replaced since we last looked has the term that it was given there.
  const merge = (base: Entries, theirs: Entries): Entries => {
    const merged = (key: string, ours: Entry): Entry => {
      const found = theirs.get(key)
      if (found?.term === base.get(key)?.term) return ours
      const next = renew(key, found)
      return found === undefined || next.term === found.term ? next : { ...next, elsewhere: found }
    }
    return new Map([...entries].map(([key, ours]) => [key, merged(key, ours)]))
  }

  const take = (next: Entries): readonly Ended[] => {
    const before = entries
    entries = next
    return endedBetween(before, next)
  }

  const glance = async (over: Over): Promise<string | undefined> => {
    const row = await store.get(KEY)
    const ended = row === seen ? [] : take(merge(parse(seen), parse(row)))
    seen = row
    if (ended.length > 0) over(ended)
    return row
  }

  const write = async (over: Over, wanted: (theirs: Entries) => Entries): Promise<void> => {
    for (let left = TRIES; left > 0; left -= 1) {
      const row = await glance(over)
      const next = format(wanted(parse(row)))
      if (next === row) return
      const swap = { op: 'swap', key: KEY, expected: row, next, expires: FOR_EVER } as const
      if (await store.batch([swap], [NAMES])) {
        // Unless we have looked since, and seen what came after it.
        if (seen === row) seen = next
        return
      }
    }
    throw new StoreUnavailable('other processes keep replacing the names of the configuration')
  }

  const lacking = (theirs: Entries) => [...entries].filter(([key]) => !theirs.has(key))

  const termOf = (key: string): string => entries.get(key)?.term ?? ''

  return {
    of(client_id, sub) {
      const [client, account] = [termOf(endMessage({ client_id })), termOf(endMessage({ sub }))]
      return client === '' && account === '' ? undefined : `${client}.${account}`
    },
    ofAccount: (sub) => termOf(endMessage({ sub })) || undefined,
    names: (named) => entries.has(endMessage(named)),
    replace(config) {
      passwords = passwordsOf(config)
      const ended = take(
        new Map([...passwords.keys()].map((key) => [key, renew(key, entries.get(key))])),
      )
      draw = secrets.id
      return ended
    },
    // Never without theirs: two processes that read different files would else replace each other's names for ever.
    look: (over) => write(over, (theirs) => new Map([...theirs, ...lacking(theirs)])),
    keep: (over) => write(over, () => entries),
  }
}

/** Undefined for a client, whose secret may be replaced without an end. Keys are spelled as messages of an end are. */
type Passwords = ReadonlyMap<string, string | undefined>

// Whom the file disables is as good as left out: what they had is over when they come back.
const passwordsOf = ({ clients, accounts }: Named): Passwords =>
  new Map([
    ...clients.flatMap(({ client_id, disabled = false }) =>
      disabled ? [] : [[endMessage({ client_id }), undefined] as const],
    ),
    ...accounts.flatMap(({ sub, password, disabled = false }) =>
      disabled ? [] : [[endMessage({ sub }), password] as const],
    ),
  ])

const endedBetween = (before: Entries, after: Entries): readonly Ended[] =>
  [...before]
    .filter(([key, { term }]) => after.get(key)?.term !== term)
    .flatMap(([key]) => readEnd(key) ?? [])

const parse = (row: string | undefined): Entries => {
  const entries: [string, string, string][] = row === undefined ? [] : JSON.parse(row)
  return new Map(entries.map(([key, term, proof]) => [key, { term, proof }]))
}

const format = (entries: Entries): string =>
  JSON.stringify(
    [...entries].map(([key, entry]) => {
      const { term, proof } = entry.elsewhere ?? entry
      return [key, term, proof]
    }),
  )

const KEY = 'configuration:names'
const TRIES = 10
