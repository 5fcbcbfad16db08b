import type Koa from 'koa'

import { noteOn } from '../telemetry/request-note.ts'
import { readAuthorizationRequest } from './authorization-request.ts'
import { answerWithError } from './authorization-response.ts'
import { callerOf, type Handler, sendOn } from './endpoint.ts'
import { proceed } from './next-step.ts'
import { suspend } from './pending-request.ts'
import { openPushed, refuseUnpushed } from './pushed-request.ts'
import { endpointPath, type Room } from './room.ts'
import { currentPerson } from './session.ts'
import { namedClient, noteMismatch, readTrustedReply } from './trusted-reply.ts'

/**
 * The authorization endpoint (RFC 6749 §3.1). First whom to answer, then everything else: what is wrong with the former
 * is a page, what is wrong with the latter goes to the client, our own failures included.
 */
export const authorize =
  (room: Room): Handler =>
  async (ctx, parameters) => {
    const caller = callerOf(ctx, room)
    const client = await namedClient(parameters, room)
    noteOn(ctx.req, { client_id: client.client_id })
    const pushed = await openPushed(parameters, client, caller, room)
    const reply =
      pushed?.reply ?? readTrustedReply(parameters, client, noteMismatch(client, caller, room))
    try {
      if (!pushed) refuseUnpushed(client, room)
      const request = pushed?.request ?? readAuthorizationRequest(parameters, reply, room)
      const detour = cookielessPost(ctx)
      if (detour) return sendOn(ctx, `${endpointPath(room.config, 'authorize')}?${detour}`)
      const resumed = suspend(ctx, request, client, room, pushed?.id)
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
