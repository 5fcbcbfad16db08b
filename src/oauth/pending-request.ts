import type Koa from 'koa'

import type { Client } from '../store/clients.ts'
import { noteOn } from '../telemetry/request-note.ts'
import type { AuthorizationRequest } from './authorization-request.ts'
import { type Begun, bindBrowser, checkBegun } from './browser-binding.ts'
import { isPublic } from './client-authentication.ts'
import { invalidRequest } from './errors.ts'
import type { Parameters } from './parameters.ts'
import { isRegistered } from './redirect-uri.ts'
import type { Room } from './room.ts'

/** An authorization request on its way through our pages, bound to the browser that brought it. */
export type PendingRequest = AuthorizationRequest &
  Begun & {
    readonly v: 1
    /** Used once: the code is written together with a marker of this name. */
    readonly id: string
    /** Subject of the person who gave the password for this very request. */
    readonly proven?: string
  }

/** A pending request as a page receives it. `sealed` is the form in which it travels. */
export type Resumed = {
  readonly pending: PendingRequest
  readonly sealed: string
  readonly client: Client
}

type Sealing = Pick<Room, 'stores' | 'cookies' | 'clock'>

/**
 * Binds a request to this browser, which gets its cookie now if it has none. `id`: of a pushed request, which has one id
 * however often it is opened.
 */
export const suspend = (
  ctx: Koa.Context,
  request: AuthorizationRequest,
  client: Client,
  room: Sealing,
  id = room.stores.secrets.id(),
): Resumed => {
  const pending: PendingRequest = {
    ...request,
    v: 1,
    id,
    created: room.clock(),
    browser: bindBrowser(ctx, room),
  }
  const sealed = room.stores.secrets.seal('request', pending)
  if (sealed.length > LONGEST_SEALED) throw invalidRequest('the request is too long')
  return { pending, client, sealed }
}

/** Throws `invalid_request` for a request that would be too long once it is sealed. */
export const refuseTooLong = (request: AuthorizationRequest): void => {
  const sealed = ((Buffer.byteLength(JSON.stringify(request)) + SEALING) * 4) / 3
  if (sealed > LONGEST_SEALED) throw invalidRequest('the request is too long')
}

/**
 * The request that a page or its post carries on. It lives half an hour, in the browser that began it (nobody can be sent
 * into the middle of someone else's request), and only while its client is as it was. Throws `invalid_request`.
 */
export const resume = async (
  ctx: Koa.Context,
  parameters: Parameters,
  room: Sealing,
): Promise<Resumed> => {
  const { stores } = room
  const sealed = parameters.get('request') ?? ''
  const pending = stores.secrets.open('request', sealed)
  if (!isPending(pending)) throw invalidRequest('this page needs a request of an application')
  checkBegun(ctx, pending, room)
  const client = await stores.clients.find(pending.client_id)
  if (!client || !isRegistered(pending.redirect_uri, { ...client, public: isPublic(client) })) {
    throw invalidRequest('the application that asked is no longer registered')
  }
  noteOn(ctx.req, { client_id: client.client_id })
  return { pending, sealed, client }
}

/** The same request, once a person has signed in for it. */
export const provenBy = (
  { pending, client }: Resumed,
  sub: string,
  { stores }: Pick<Room, 'stores'>,
): Resumed => {
  const proven: PendingRequest = { ...pending, proven: sub }
  return { pending: proven, client, sealed: stores.secrets.seal('request', proven) }
}

const isPending = (value: unknown): value is PendingRequest =>
  typeof value === 'object' && value !== null && 'v' in value && value.v === 1

/** Seconds that a pushed request may wait to be opened, by any configuration. */
export const LONGEST_PUSHED = 600

/** It travels in the address of a page, and Node reads heads of 16 KiB. */
const LONGEST_SEALED = 12_288

/** Bytes that are added to a request before it travels, at most. */
const SEALING = 256
