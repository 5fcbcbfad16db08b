import type { Call, Reply } from './call.ts'
import type { Issued } from './grants/grant.ts'
import { fieldsReply } from './response-format.ts'
import type { Room } from './room.ts'

/** RFC 6749 §5.1. `expires_in` is what is left of the token's life, in whole seconds. */
export const tokenReply = (
  call: Call,
  { access_token, token, refresh_token }: Issued,
  { clock }: Pick<Room, 'clock'>,
): Reply =>
  fieldsReply(call, {
    access_token,
    token_type: 'Bearer',
    expires_in: Math.max(0, token.exp - Math.floor(clock())),
    ...(refresh_token !== undefined && { refresh_token }),
    ...(token.scope.length > 0 && { scope: token.scope.join(' ') }),
  })
