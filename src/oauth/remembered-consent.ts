import type { Config } from '../config/config.ts'
import type { Account } from '../store/accounts.ts'
import type { Client } from '../store/clients.ts'
import type { Consent, SeenClient } from '../store/consents.ts'
import { digest } from '../store/secrets.ts'
import type { Room } from './room.ts'

/** What a person allowed a client before, as far as it still says what they would say now. */
export type RememberedConsent = {
  /** Scopes that mean what they meant then. */
  readonly scope: readonly string[]
  /** Scopes that have other words by now. */
  readonly reworded: readonly string[]
  /** What the client may do that it might not when they were asked: then they are asked anew, for everything. */
  readonly gained?: 'redirect_uris' | 'scope'
  readonly consent: Consent
}

/** Undefined: nothing, or nothing that was given to this account in its epoch. */
export const findRemembered = async (
  client: Client,
  account: Account,
  { stores, config }: Pick<Room, 'stores' | 'config'>,
): Promise<RememberedConsent | undefined> => {
  const consent = await stores.consents.find(client.client_id, account.sub)
  if (!consent?.seen) return undefined
  const { seen } = consent
  const words = new Map(seen.words)
  const means = (name: string) => words.get(name) === wordsOf(name, config)
  const gained = gain(seen, client)
  return {
    consent,
    scope: consent.scope.filter(means),
    reworded: consent.scope.filter((name) => !means(name)),
    ...(gained && { gained }),
  }
}

/**
 * What is to be remembered after `allowed` out of `asked`. What was allowed before stays, unless it was asked for again and
 * left out this time, or the client is another than it was.
 */
export const toRemember = (
  { asked, allowed }: { readonly asked: readonly string[]; readonly allowed: readonly string[] },
  client: Client,
  account: Account,
  former: RememberedConsent | undefined,
  { config, clock }: Pick<Room, 'config' | 'clock'>,
): Omit<Consent, 'term'> => {
  const { client_id, scope } = client
  const before = former && !former.gained ? former.consent : undefined
  const kept = (before?.scope ?? []).filter((name) => !asked.includes(name))
  const at = clock()
  return {
    ...{ client_id, sub: account.sub, scope: [...kept, ...allowed] },
    ...{ at, expires: at + config.tokens.grant },
    seen: {
      redirect_uris: client.redirect_uris.map(short),
      ...(scope !== undefined && { scope }),
      words: [
        ...(before?.seen?.words ?? []).filter(([name]) => kept.includes(name)),
        ...allowed.map((name) => [name, wordsOf(name, config)] as const),
      ],
    },
  }
}

/** A redirect URI or a scope that went away is none. */
const gain = (seen: SeenClient, client: Client): RememberedConsent['gained'] => {
  if (client.redirect_uris.some((uri) => !seen.redirect_uris.includes(short(uri))))
    return 'redirect_uris'
  if (seen.scope === undefined) return undefined
  const known = seen.scope.split(' ')
  const now = client.scope?.split(' ')
  return now?.every((name) => known.includes(name)) ? undefined : 'scope'
}

const wordsOf = (name: string, { scopes }: Pick<Config, 'scopes'>): string =>
  short(scopes.get(name) ?? name)

/** 96 bits: nobody gains by two texts of an operator that share a digest. */
const short = (text: string): string => digest(text).slice(0, 16)
