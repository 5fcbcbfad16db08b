import type Koa from 'koa'

import { readAuthorizationRequest, readTrustedReply } from './authorization-request.ts'
import { answerWithError } from './authorization-response.ts'
import { type Handler, sendOn } from './endpoint.ts'
import { proceed } from './next-step.ts'
import { suspend } from './pending-request.ts'
import { endpointPath, type Room } from './room.ts'
import { currentPerson } from './session.ts'

/**
 * The authorization endpoint (RFC 6749 §3.1). First whom to answer, then everything else: what is wrong with the former
 * is a page, what is wrong with the latter goes to the client, our own failures included.
 */
export const authorize =
  (room: Room): Handler =>
  async (ctx, parameters) => {
    const reply = await readTrustedReply(parameters, room, String(ctx.state.request_id))
    try {
      const request = readAuthorizationRequest(parameters, reply, room)
      const detour = cookielessPost(ctx)
      if (detour) return sendOn(ctx, `${endpointPath(room.config, 'authorize')}?${detour}`)
      const resumed = suspend(ctx, request, reply.client, room)
      await proceed(ctx, resumed, await currentPerson(ctx, room), room)
    } catch (error) {
      answerWithError(ctx, reply, error, room)
    }
  }

/**
 * A browser leaves our cookies out of a post from another site. Asking again by GET brings them, and no other tab of that
 * browser loses the cookie that its own request is bound to.
 */
const cookielessPost = (ctx: Koa.Context): string | undefined => {
  if (ctx.method !== 'POST' || ctx.get('Sec-Fetch-Site') !== 'cross-site') return undefined
  const { body } = ctx.request as { body?: unknown }
  const query = [body, ctx.querystring]
    .filter((part) => typeof part === 'string' && part !== '')
    .join('&')
  return /^[!-"$-~]{1,8192}$/.test(query) ? query : undefined
}
