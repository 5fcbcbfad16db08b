import type Router from '@koa/router'
import { type ClientForm, clientFormPage } from '../../pages/console/client-form.ts'
import { placeOf } from '../../pages/console/clients.ts'
import type { Client } from '../../store/clients.ts'
import { createClient, replaceClient } from '../client-changes.ts'
import { etagOf } from '../shown-client.ts'
import { showClient } from './clients.ts'
import type { ConsoleRoom, PageContext } from './console.ts'
import { failurePage } from './failure.ts'
import { action, callOf, page, seeOther } from './forms.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import { frameOf } from './shown-frame.ts'

/** The form that makes a client, and the one that changes it. */
export const addClientForms = (router: Router, room: ConsoleRoom): void => {
  router.get(
    '/new-client',
    page(room, 'operator', (ctx) => showForm(ctx, room, { form: EMPTY })),
  )
  router.post(
    '/new-client',
    action(room, 'operator', async (ctx, posted) => {
      const form = formIn(posted)
      const outcome = lacksScope(form)
        ? NO_SCOPE
        : outcomeOf(await createClient(bodyOf(form), ctx.state.visitor, room))
      if (!outcome.done) return showForm(ctx, room, { form, outcome })
      const { client_secret } = outcome.body
      await showClient(ctx, room, String(outcome.body.client_id), {
        done: 'The client is there, and may ask for tokens from now on.',
        ...(typeof client_secret === 'string' && { secret: client_secret }),
      })
    }),
  )
  router.get(
    '/clients/:client_id/edit',
    page(room, 'operator', async (ctx) => {
      const known = await room.stores.clients.read(ctx.params.client_id ?? '')
      if (known === undefined || known.client.source === 'file') return failurePage(ctx, room, 404)
      showForm(ctx, room, { form: formOf(known.client), etag: etagOf(known) })
    }),
  )
  router.post(
    '/clients/:client_id/edit',
    action(room, 'operator', async (ctx, posted) => {
      const client_id = ctx.params.client_id ?? ''
      const known = await room.stores.clients.read(client_id)
      if (known === undefined) return failurePage(ctx, room, 404)
      const [form, etag] = [formIn(posted), posted.get('etag') ?? '']
      const body = { ...keptOf(known.client), ...bodyOf({ ...form, client_id }) }
      const outcome = lacksScope(form)
        ? NO_SCOPE
        : outcomeOf(await replaceClient({ ...callOf(ctx, body), ifMatch: etag }, room))
      if (!outcome.done) return showForm(ctx, room, { form, outcome, etag })
      seeOther(ctx, placeOf(client_id))
    }),
  )
}

const showForm = (
  ctx: PageContext,
  room: ConsoleRoom,
  p: { readonly form: ClientForm; readonly outcome?: Outcome; readonly etag?: string },
): void => {
  const failed = p.outcome?.done === false ? p.outcome : undefined
  const client_id = ctx.params.client_id
  ctx.status = failed?.status ?? 200
  ctx.body = clientFormPage(frameOf(ctx, room), {
    title: client_id === undefined ? 'New client' : `Change ${client_id}`,
    action: client_id === undefined ? '/new-client' : `${placeOf(client_id)}/edit`,
    form: p.form,
    allScopes: Array.from(room.config().scopes, ([scope, description]) => ({ scope, description })),
    // `/redirect_uris/1` is told at the field of them all.
    flaws: new Map(
      failed?.flaws.map(({ pointer, detail }) => [pointer.split('/')[1] ?? '', detail]),
    ),
    ...(failed && { problem: failed.problem }),
    ...(p.etag !== undefined && { etag: p.etag }),
  })
}

const EMPTY: ClientForm = {
  kind: 'web',
  client_id: '',
  client_name: '',
  client_uri: '',
  redirect_uris: '',
  scopes: new Set(),
  everyScope: false,
  offline: true,
  introspect: false,
}

const formIn = (posted: URLSearchParams): ClientForm => {
  const text = (name: string) => (posted.get(name) ?? '').trim()
  return {
    kind: text('kind'),
    client_id: text('client_id'),
    client_name: text('client_name'),
    client_uri: text('client_uri'),
    redirect_uris: text('redirect_uris'),
    scopes: new Set(posted.getAll('scope')),
    everyScope: posted.get('everyScope') !== null,
    offline: posted.get('offline') !== null,
    introspect: posted.get('introspect') !== null,
  }
}

/** Leaving all boxes empty must not open everything. */
const lacksScope = ({ scopes, everyScope }: ClientForm): boolean => scopes.size === 0 && !everyScope

export const NO_SCOPE: Outcome = {
  done: false,
  status: 400,
  problem: 'Say which scopes: tick one at least.',
  flaws: [{ pointer: '/scope', detail: 'Tick at least one, or every scope.' }],
}

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'

/** What a kind of client is set to, in the keys of the file. */
const bodyOf = (form: ClientForm): Readonly<Record<string, unknown>> => {
  const refresh = form.offline ? ['refresh_token'] : []
  const signsIn = form.kind === 'web' || form.kind === 'public'
  const grant_types = signsIn
    ? ['authorization_code', ...refresh]
    : form.kind === 'device'
      ? [DEVICE, ...refresh]
      : ['client_credentials']
  const isPublic = form.kind === 'public' || form.kind === 'device'
  return {
    ...(form.client_id !== '' && { client_id: form.client_id }),
    ...(form.client_name !== '' && { client_name: form.client_name }),
    ...(form.client_uri !== '' && { client_uri: form.client_uri }),
    redirect_uris: signsIn ? form.redirect_uris.split(/\s+/).filter((uri) => uri !== '') : [],
    grant_types,
    ...(!form.everyScope && { scope: [...form.scopes].join(' ') }),
    ...(isPublic && { token_endpoint_auth_method: 'none' }),
    ...((form.introspect || form.kind === 'resource') && { introspect: true }),
  }
}

/** What the form does not show stays as it is. */
const keptOf = (client: Client): Readonly<Record<string, unknown>> => {
  const { require_pkce, requestedScope, defaultScope, defaultResource } = client
  return {
    require_pkce,
    ...(requestedScope !== undefined && { requestedScope }),
    ...(defaultScope !== undefined && { defaultScope }),
    ...(defaultResource !== undefined && { defaultResource }),
    tokens: Object.fromEntries(
      Object.entries(client.tokens).map(([name, value]) => [name, `${value}s`]),
    ),
  }
}

const formOf = (client: Client): ClientForm => ({
  kind: kindOf(client),
  client_id: client.client_id,
  client_name: client.client_name ?? '',
  client_uri: client.client_uri ?? '',
  redirect_uris: client.redirect_uris.join('\n'),
  scopes: new Set(client.scope?.split(' ') ?? []),
  everyScope: client.scope === undefined,
  offline: client.grant_types.includes('refresh_token'),
  introspect: client.introspect,
})

const kindOf = ({ grant_types, secret_digests, introspect }: Client): string => {
  if (grant_types.includes('authorization_code'))
    return secret_digests.length > 0 ? 'web' : 'public'
  if (grant_types.includes(DEVICE)) return 'device'
  return introspect ? 'resource' : 'machine'
}
