import type Router from '@koa/router'
import { createCall } from '../../demo/exchange.ts'
import { placeOf } from '../../pages/console/clients.ts'
import { type ShownHop, tryPage } from '../../pages/console/try.ts'
import type { Client } from '../../store/clients.ts'
import { by } from '../principal.ts'
import type { ConsoleRoom, PageContext } from './console.ts'
import { failurePage } from './failure.ts'
import { action, page } from './forms.ts'
import { hiding, masked } from './masked.ts'
import { frameOf } from './shown-frame.ts'
import { type Asked, runTrial } from './trial-hops.ts'
import { addressOfRequest, codeIn, newTrialRequest, openTrial, sealTrial } from './trial-request.ts'

/** Runs the flow of a client and shows every hop. */
export const tryPages = (router: Router, room: ConsoleRoom): void => {
  router.get(
    '/clients/:client_id/try',
    page(room, 'operator', (ctx) => withClient(ctx, room, (client) => show(ctx, room, client, {}))),
  )
  router.post(
    '/clients/:client_id/try/begin',
    action(room, 'operator', (ctx, form) =>
      withClient(ctx, room, (client) => show(ctx, room, client, begin(ctx, room, client, form))),
    ),
  )
  router.post(
    '/clients/:client_id/try/code',
    action(room, 'operator', (ctx, form) =>
      withClient(ctx, room, async (client) =>
        show(ctx, room, client, await goOn(ctx, room, client, form)),
      ),
    ),
  )
  router.post(
    '/clients/:client_id/try/credentials',
    action(room, 'operator', (ctx, form) =>
      withClient(ctx, room, async (client) => {
        const scope = textIn(form, 'scope')
        const fields = { grant_type: 'client_credentials', ...(scope !== '' && { scope }) }
        show(ctx, room, client, await run(ctx, room, client, form, fields))
      }),
    ),
  )
}

type Begun = { readonly url: string; readonly sealed: string; readonly pasted?: string }
type Shown = {
  readonly begun?: Begun
  readonly hops?: readonly ShownHop[]
  readonly problem?: string
}

const withClient = async (
  ctx: PageContext,
  room: ConsoleRoom,
  act: (client: Client) => unknown,
): Promise<void> => {
  const known = await room.stores.clients.read(ctx.params.client_id ?? '')
  if (known === undefined) failurePage(ctx, room, 404)
  else await act(known.client)
}

const show = (ctx: PageContext, room: ConsoleRoom, client: Client, shown: Shown): void => {
  const { routes } = room.config()
  if (shown.problem !== undefined) ctx.status = 400
  ctx.body = tryPage(frameOf(ctx, room), {
    client_id: client.client_id,
    at: `${placeOf(client.client_id)}/try`,
    ways: waysOf(client),
    redirect_uris: client.redirect_uris,
    scope: client.scope ?? '',
    calls: routes
      .filter(({ methods }) => methods?.includes('GET') ?? true)
      .map(
        ({ host, path }) => `${host === undefined ? '' : `//${host}`}${path.replace(/\*.*$/, '')}`,
      ),
    ...shown,
  })
}

/** What of it can be run from here. A key is the client's own: it never comes here. */
const waysOf = ({ grant_types, token_endpoint_auth_method, secret_digests }: Client) => {
  const hasKey = token_endpoint_auth_method === 'private_key_jwt'
  return {
    code: !hasKey && grant_types.includes('authorization_code'),
    credentials: !hasKey && grant_types.includes('client_credentials'),
    secret: secret_digests.length > 0,
    hasKey,
  }
}

const begin = (
  ctx: PageContext,
  room: ConsoleRoom,
  client: Client,
  form: URLSearchParams,
): Shown => {
  const { csrf } = ctx.state.visitor
  const given = { redirect_uri: form.get('redirect_uri') ?? '', csrf }
  const request = newTrialRequest(client, given, room)
  if (request.redirect_uri === '') return { problem: 'The client has no such redirect URI.' }
  room.log.audit('client.trial_begun', { client_id: client.client_id, ...by(ctx.state.visitor) })
  const url = addressOfRequest(request, textIn(form, 'scope'), room.config())
  return { begun: { url, sealed: sealTrial(request, room) } }
}

const goOn = async (
  ctx: PageContext,
  room: ConsoleRoom,
  client: Client,
  form: URLSearchParams,
): Promise<Shown> => {
  const mine = { client_id: client.client_id, csrf: ctx.state.visitor.csrf }
  const request = openTrial(form.get('sealed') ?? '', mine, room)
  if (request === undefined)
    return { problem: 'This request is not of this session, or too old: begin again.' }
  const pasted = textIn(form, 'pasted')
  const found = codeIn(pasted, request, room.config().issuer)
  if ('problem' in found) return found
  const hide = hiding([{ name: 'code', value: found.code }])
  const said = await run(ctx, room, client, form, {
    grant_type: 'authorization_code',
    code: found.code,
    redirect_uri: request.redirect_uri,
    code_verifier: request.code_verifier,
  })
  const first: ShownHop = {
    title: 'Authorization',
    good: true,
    note: `In the browser; the answer came to ${hide(pasted)}`,
    masks: [],
  }
  return { ...said, hops: [first, ...(said.hops ?? [])] }
}

const run = async (
  ctx: PageContext,
  room: ConsoleRoom,
  client: Client,
  form: URLSearchParams,
  fields: Readonly<Record<string, string>>,
): Promise<Shown> => {
  const api = askedIn(textIn(form, 'api'))
  if (api === null) return { problem: 'What is called is a path (/orders), or //host/path.' }
  const config = room.config()
  const { hops, secrets } = await runTrial(fields, {
    client,
    secret: form.get('secret') ?? '',
    call: createCall(config, CALLER),
    oauth: config.paths.oauth,
    api,
  })
  const failed = hops.filter(({ good }) => !good).map(({ title }) => title)
  const what = { client_id: client.client_id, grant_type: fields.grant_type, failed }
  room.log.audit('client.tried', { ...what, ...by(ctx.state.visitor) })
  const hide = hiding(secrets)
  return {
    hops: hops.map(({ exchange, note, ...hop }) => ({
      ...hop,
      note: hide(note),
      ...(exchange === undefined ? { masks: [] } : masked(exchange, secrets)),
    })),
  }
}

const CALLER = { name: 'This client', agent: 'portcullis-console' }

const textIn = (form: URLSearchParams, name: string): string => (form.get(name) ?? '').trim()

/** A path of the gateway; null: none that can be asked for. */
const askedIn = (text: string): Asked | undefined | null => {
  if (text === '') return undefined
  const url = text.startsWith('/') ? URL.parse(text, 'http://gateway.invalid') : null
  if (url === null || url.username !== '') return null
  const target = url.pathname + url.search
  return text.startsWith('//') ? { target, host: url.host } : { target }
}
