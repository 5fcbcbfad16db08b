import type { Client } from '../../store/clients.ts'
import type { Grant } from '../../store/grants.ts'
import type { Write } from '../../store/store.ts'
import type { AccessToken } from '../../store/tokens.ts'
import { lifetimesOf } from '../lifetimes.ts'
import type { Parameters } from '../parameters.ts'
import type { Caller, Room } from '../room.ts'
import { clientScope, withinScope } from '../scope.ts'

/** A token request (RFC 6749 §3.2) of a client that has authenticated. */
export type TokenRequest = {
  readonly client: Client
  readonly parameters: Parameters
  readonly caller: Caller
}

/** What a token request is answered with (RFC 6749 §5.1). */
export type Issued = {
  readonly access_token: string
  readonly token: AccessToken
  readonly refresh_token?: string
}

/** A grant type: turns what the client has into tokens, or throws an OAuthError. */
export type GrantType = (request: TokenRequest, room: Room) => Promise<Issued>

/** An access token under a grant, for some of what it covers, that never outlives it. Nothing is written yet. */
export const mintUnder = (
  grant: Grant,
  client: Client,
  part: { readonly scope: readonly string[]; readonly resource: readonly string[] },
  { stores, config, clock }: Room,
) => {
  const iat = Math.floor(clock())
  return stores.tokens.mint({
    grant_id: grant.id,
    client_id: client.client_id,
    sub: grant.sub,
    scope: part.scope,
    aud: part.resource,
    iat,
    exp: Math.min(iat + lifetimesOf(client, config).accessToken, Math.floor(grant.expires)),
  })
}

/** What of a grant still holds: scopes that exist, and that its client and its person may have. Undefined: nobody's. */
export const standingScope = async (
  grant: Grant,
  client: Client,
  { stores, config }: Pick<Room, 'stores' | 'config'>,
): Promise<readonly string[] | undefined> => {
  const account = await stores.accounts.findBySub(grant.sub)
  if (!account) return undefined
  const allowed = withinScope(clientScope(client, config), account.scope)
  const standing = grant.scope.filter((name) => allowed.includes(name))
  return standing.length === 0 && grant.scope.length > 0 ? undefined : standing
}

/** The first tokens of a grant that a person allowed: what is written for them, and what is answered. */
export const firstTokens = (
  grant: Grant,
  client: Client,
  part: { readonly scope: readonly string[]; readonly resource: readonly string[] },
  room: Room,
): { readonly redeemed: Grant; readonly writes: readonly Write[]; readonly issued: Issued } => {
  const { stores, config } = room
  const minted = mintUnder(grant, client, part, room)
  const refresh = client.grant_types.includes('refresh_token')
    ? stores.refreshTokens.first(grant, lifetimesOf(client, config))
    : undefined
  return {
    redeemed: { ...(refresh?.grant ?? grant), redeemed: true },
    writes: [minted.write],
    issued: {
      access_token: minted.value,
      token: minted.token,
      ...(refresh && { refresh_token: refresh.value }),
    },
  }
}
