import type { shownClient } from '../admin/shown-client.ts'
import { formatDuration } from '../config/units.ts'
import { instantText } from './instant-text.ts'
import type { Style } from './style.ts'
import { type Column, recordText, tableText } from './table.ts'

export type ShownClient = ReturnType<typeof shownClient>

export const clientsText = (clients: readonly ShownClient[], style: Style): string =>
  tableText(clients, columns(style), { style, none: 'no clients' })

const columns = (style: Style): readonly Column<ShownClient>[] => [
  { title: 'CLIENT_ID', value: ({ client_id }) => client_id },
  { title: 'NAME', value: ({ client_name }) => client_name },
  { title: 'KIND', value: kindOf },
  { title: 'GRANT_TYPES', value: ({ grant_types }) => grant_types.map(shortType).join(',') },
  { title: 'SOURCE', value: ({ source }) => source },
  {
    title: 'STATE',
    value: ({ disabled }) => (disabled ? 'disabled' : 'enabled'),
    paint: (text, { disabled }) => (disabled ? style.red(text) : text),
  },
  { title: 'LAST_USED', value: ({ last_used }) => instantText(last_used) },
]

const kindOf = ({ secrets, token_endpoint_auth_method }: ShownClient): string => {
  if (token_endpoint_auth_method === 'private_key_jwt') return 'signing'
  return secrets > 0 ? 'confidential' : 'public'
}

const shortType = (type: string): string => type.slice(type.lastIndexOf(':') + 1)

/** One client; `secret` where it is shown this once. */
export const clientText = (client: ShownClient, style: Style, secret?: string): string =>
  recordText(
    [
      ['client_id', client.client_id],
      ['client_secret', secret],
      ['client_name', client.client_name],
      ['kind', kindOf(client)],
      ['source', sourceOf(client)],
      ['disabled', disabledOf(client)],
      ['redirect_uris', client.redirect_uris.join(' ')],
      ['grant_types', client.grant_types.join(' ')],
      ['scope', client.scope ?? '(every scope)'],
      ['token_endpoint_auth_method', client.token_endpoint_auth_method],
      ['require_pkce', String(client.require_pkce)],
      ['introspect', client.introspect ? 'true' : undefined],
      ['tokens', lifetimesOf(client)],
      ['secrets', client.secrets],
      ...othersOf(client),
      ['created', client.created > 0 ? instantText(client.created) : undefined],
      ['last_used', instantText(client.last_used)],
      ['own_last_used', instantText(client.own_last_used)],
      ['own_last_route', client.own_last_route],
    ],
    style,
  )

const sourceOf = ({ source, line }: ShownClient): string =>
  line === undefined ? source : `${source}, line ${line}`

const disabledOf = ({ disabled }: ShownClient): string | undefined =>
  disabled && `${instantText(disabled.at) ?? ''} ${disabled.reason}`.trim()

const lifetimesOf = ({ tokens }: ShownClient): string =>
  Object.entries(tokens)
    .map(([key, seconds]) => `${key} ${formatDuration(seconds)}`)
    .join(', ')

const TOLD = new Set([
  ...['client_id', 'client_name', 'source', 'line', 'disabled', 'redirect_uris', 'grant_types'],
  ...['scope', 'token_endpoint_auth_method', 'require_pkce', 'introspect', 'tokens', 'secrets'],
  ...['created', 'last_used', 'own_last_used', 'own_last_route', 'client_secret'],
])

const othersOf = (client: ShownClient): [string, string][] =>
  Object.entries(client).flatMap(([key, value]) =>
    TOLD.has(key) ? [] : [[key, typeof value === 'string' ? value : JSON.stringify(value)]],
  )
