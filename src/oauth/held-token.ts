import type { Grant } from '../store/grants.ts'
import type { AccessToken } from '../store/tokens.ts'
import type { Room } from './room.ts'

/** What a token string stands for, as long as it is good. */
export type HeldToken =
  | {
      readonly kind: 'access_token'
      readonly client_id: string
      readonly token: AccessToken
      readonly grant: Grant
    }
  | {
      readonly kind: 'refresh_token'
      readonly client_id: string
      readonly grant: Grant
      readonly current: boolean
    }

/** Finds a token of either kind: hints of its type are not needed to tell them apart (RFC 7009 §2.1). */
export const findToken = async (
  value: string,
  { stores, config }: Pick<Room, 'stores' | 'config'>,
): Promise<HeldToken | undefined> => {
  const found = await stores.tokens.find(value)
  if (typeof found !== 'string') {
    const grant = await stores.grants.find(found.grant_id)
    return grant && { kind: 'access_token', client_id: found.client_id, token: found, grant }
  }
  const presented = await stores.refreshTokens.present(value, config.tokens)
  if (presented.state === 'unknown' || presented.state === 'expired') return undefined
  const { grant, state } = presented
  return { kind: 'refresh_token', client_id: grant.client_id, grant, current: state === 'current' }
}
