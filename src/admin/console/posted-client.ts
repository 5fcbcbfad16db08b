import type { ClientForm } from '../../pages/console/client-form.ts'
import type { KnownClient } from '../../store/client-registry.ts'
import type { Client } from '../../store/clients.ts'
import { shownClient } from '../shown-client.ts'
import { scopesIn, scopesOfText, textOfScopes } from './scope-choice.ts'

type Body = Readonly<Record<string, unknown>>

export const EMPTY: ClientForm = {
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

export const formIn = (posted: URLSearchParams): ClientForm => {
  const text = (name: string) => (posted.get(name) ?? '').trim()
  return {
    kind: text('kind'),
    client_id: text('client_id'),
    client_name: text('client_name'),
    client_uri: text('client_uri'),
    redirect_uris: text('redirect_uris'),
    ...scopesIn(posted),
    offline: posted.get('offline') !== null,
    introspect: posted.get('introspect') !== null,
  }
}

export const formOf = (client: Client): ClientForm => ({
  kind: kindOf(client),
  client_id: client.client_id,
  client_name: client.client_name ?? '',
  client_uri: client.client_uri ?? '',
  redirect_uris: client.redirect_uris.join('\n'),
  ...scopesOfText(client.scope),
  offline: client.grant_types.includes(REFRESH),
  introspect: client.introspect,
})

const kindOf = (client: Client): string => {
  const { grant_types, introspect } = client
  if (grant_types.includes('authorization_code')) return isConfidential(client) ? 'web' : 'public'
  if (grant_types.includes(DEVICE)) return 'device'
  return introspect && grant_types.length === 0 ? 'resource' : 'machine'
}

const isConfidential = ({ secret_digests, token_endpoint_auth_method: method }: Client): boolean =>
  secret_digests.length > 0 || method === 'private_key_jwt'

/** A new client of a kind, in the keys of the file. */
export const newClient = (form: ClientForm): Body => {
  const isPublic = form.kind === 'public' || form.kind === 'device'
  return {
    ...(form.client_id !== '' && { client_id: form.client_id }),
    ...written(form),
    redirect_uris: signsIn(form.kind) ? urisOf(form) : [],
    grant_types: [...grantTypesOf(form.kind), ...(mayStay(form) ? [REFRESH] : [])],
    ...(isPublic && { token_endpoint_auth_method: 'none' }),
    ...((form.introspect || form.kind === 'resource') && { introspect: true }),
  }
}

/** The client with what the form says in place of what it said. What the form does not show stays, its kind among that. */
export const changedClient = (form: ClientForm, known: KnownClient): Body => {
  const { client_name: _, client_uri: _uri, scope: _scope, ...kept } = shownClient(known, undefined)
  const { grant_types, redirect_uris } = known.client
  const kind = kindOf(known.client)
  const others = grant_types.filter((one) => one !== REFRESH)
  const stays = mayStay({ ...form, kind })
  return {
    ...kept,
    ...written(form),
    redirect_uris: signsIn(kind) ? urisOf(form) : redirect_uris,
    grant_types: stays ? [...new Set([...grant_types, REFRESH])] : others,
    introspect: form.introspect,
  }
}

const written = (form: ClientForm): Body => {
  const scope = textOfScopes(form)
  return {
    ...(form.client_name !== '' && { client_name: form.client_name }),
    ...(form.client_uri !== '' && { client_uri: form.client_uri }),
    ...(scope !== undefined && { scope }),
  }
}

const urisOf = (form: ClientForm): readonly string[] =>
  form.redirect_uris.split(/\s+/).filter((uri) => uri !== '')

const grantTypesOf = (kind: string): readonly string[] => {
  if (signsIn(kind)) return ['authorization_code']
  return [kind === 'device' ? DEVICE : 'client_credentials']
}

/** Machines ask again when their token is over. */
const mayStay = ({ kind, offline }: ClientForm): boolean =>
  offline && (signsIn(kind) || kind === 'device')

const signsIn = (kind: string): boolean => kind === 'web' || kind === 'public'

const REFRESH = 'refresh_token'
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'
