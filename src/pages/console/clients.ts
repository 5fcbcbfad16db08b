import { type Html, html } from '../html.ts'
import { consolePage, type Frame } from './frame.ts'
import { addressOf, button, facts, foreign, goOn, note, table, tag, tags, when } from './parts.ts'

/** A client as its page shows it. Times in seconds since the epoch. */
export type ListedClient = {
  readonly client_id: string
  readonly client_name?: string
  readonly source: 'file' | 'operator' | 'registered'
  readonly grant_types: readonly string[]
  readonly disabled?: { readonly at: number; readonly reason: string }
  /** When it last got a token, and when it last used one that it holds for itself. */
  readonly last_used?: number
  readonly own_last_used?: number
  readonly own_last_route?: string
  readonly created: number
}

export type DetailedClient = ListedClient & {
  readonly redirect_uris: readonly string[]
  readonly scope?: string
  readonly token_endpoint_auth_method?: string
  readonly require_pkce: boolean
  readonly introspect: boolean
  readonly secrets: number
  readonly line?: number
}

export const clientsPage = (
  frame: Frame,
  p: {
    readonly clients: readonly ListedClient[]
    readonly query: { readonly search: string; readonly source: string }
    readonly next?: string
    readonly done?: string
    readonly mayCreate: boolean
  },
): string =>
  consolePage(frame, {
    title: 'Clients',
    path: '/clients',
    main: html`${note(p.done, undefined)}
<form class="filters" method="get" action="/clients" role="search">
<div><label for="search">Name or client_id</label><input id="search" name="search" value="${p.query.search}"></div>
<div><label for="source">From</label><select id="source" name="source">${SOURCES.map(
      ([value, label]) =>
        html`<option value="${value}"${value === p.query.source && html` selected`}>${label}</option>`,
    )}</select></div>
<button type="submit">Search</button>
${p.mayCreate && html`<a class="button primary" href="/new-client">New client</a>`}
</form>
${table({
  caption: 'Applications that may ask for tokens',
  heads: ['Name', 'client_id', 'From', 'How it gets tokens', 'Last used', 'State'],
  none:
    p.next === undefined
      ? 'No client is like that.'
      : 'None of those that were looked through; go further.',
  rows: p.clients.map((client) => [
    html`<a href="${placeOf(client.client_id)}">${foreign(client.client_name ?? client.client_id)}</a>`,
    html`<code>${foreign(client.client_id, 60)}</code>`,
    SOURCE_WORDS[client.source],
    html`${tags(client.grant_types.map(shortGrant))}`,
    when(lastUse(client)),
    client.disabled ? tag('disabled', 'bad') : tag('active'),
  ]),
})}
${goOn('/clients', p.query, p.next)}`,
  })

export const clientPage = (
  frame: Frame,
  p: {
    readonly client: DetailedClient
    readonly etag: string
    readonly may: { readonly change: boolean; readonly remove: boolean }
    readonly done?: string
    readonly problem?: string
    /** Shown this once. */
    readonly secret?: string
  },
): string => {
  const { client } = p
  const at = placeOf(client.client_id)
  return consolePage(frame, {
    title: client.client_name ?? client.client_id,
    path: '/clients',
    main: html`${note(p.done, p.problem)}
${p.secret !== undefined && shownSecret(p.secret)}
<div class="panel">${factsOf(client)}</div>
<p class="actions"><a class="button" href="${addressOf('/grants', { client_id: client.client_id })}">Who gave it access</a>
<a class="button" href="${addressOf('/audit', { client_id: client.client_id })}">What happened</a>
${p.may.change && html`<a class="button" href="${at}/try">Try this client</a>`}
${p.may.change && client.source !== 'file' && html`<a class="button" href="${at}/edit">Change</a>`}</p>
${p.may.change && actionsOf(client, at, frame.csrf)}
${p.may.remove && client.source !== 'file' && removal(at, frame.csrf, p.etag)}`,
  })
}

const shownSecret = (secret: string): Html => html`<section class="panel" aria-labelledby="secret">
<h2 id="secret">The secret, shown this once</h2><code class="secret">${secret}</code>
<p>Give it to the application now. What is kept here is its digest.</p></section>`

const factsOf = (client: DetailedClient): Html =>
  facts([
    ['client_id', html`<code>${foreign(client.client_id)}</code>`],
    [
      'From',
      client.line === undefined
        ? SOURCE_WORDS[client.source]
        : `the configuration file, line ${client.line}`,
    ],
    client.disabled && [
      'Disabled',
      html`${client.disabled.at === 0 ? 'in the file' : when(client.disabled.at)}: ${foreign(client.disabled.reason, 200)}`,
    ],
    ['Redirect URIs', client.redirect_uris.length === 0 ? 'none' : lines(client.redirect_uris)],
    ['How it gets tokens', html`${tags(client.grant_types.map(shortGrant))}`],
    ['Scopes', client.scope === undefined ? 'every scope' : html`${tags(client.scope.split(' '))}`],
    [
      'Authenticates by',
      client.token_endpoint_auth_method ??
        (client.secrets > 0 ? 'Basic or the body' : 'nothing: a public client'),
    ],
    ['PKCE', client.require_pkce ? 'required' : 'not required'],
    client.introspect ? ['May introspect', 'the tokens of all clients'] : undefined,
    ['Secrets that are good', String(client.secrets)],
    client.created > 0 ? ['Since', when(client.created)] : undefined,
    ['Last got a token', when(client.last_used)],
    holdsItsOwn(client) ? ['Last used one of its own', ownUse(client)] : undefined,
  ])

/** By what it did itself: the use of what people gave it is told by their grants. */
const lastUse = ({ last_used, own_last_used }: ListedClient): number | undefined =>
  last_used === undefined && own_last_used === undefined
    ? undefined
    : Math.max(last_used ?? 0, own_last_used ?? 0)

const holdsItsOwn = ({ grant_types, own_last_used }: ListedClient): boolean =>
  own_last_used !== undefined || grant_types.includes('client_credentials')

const ownUse = ({ own_last_used, own_last_route }: ListedClient): Html =>
  html`${when(own_last_used)}${own_last_route !== undefined && html` <code>${foreign(own_last_route)}</code>`}`

const lines = (texts: readonly string[]): Html =>
  html`${texts.map((text) => html`<code>${foreign(text, 300)}</code><br>`)}`

const actionsOf = (
  client: DetailedClient,
  at: string,
  csrf: string,
): Html => html`<div class="actions">
${
  client.source !== 'file' &&
  client.secrets > 0 &&
  button({ action: `${at}/secret`, csrf, label: 'New secret', fields: { overlap: '86400' } })
}
${client.disabled && client.disabled.at > 0 && button({ action: `${at}/enable`, csrf, label: 'Enable' })}
</div>
${!client.disabled && disabling(at, csrf)}`

const disabling = (
  at: string,
  csrf: string,
): Html => html`<details class="panel"><summary>Disable</summary>
<p>It is refused everywhere at once, and everything that it was given ends, for good.</p>
<form class="stack" method="post" action="${at}/disable"><input type="hidden" name="csrf" value="${csrf}">
<label for="reason">Reason, for the audit trail</label><input id="reason" name="reason" required maxlength="200">
<button class="danger" type="submit">Disable</button></form></details>`

const removal = (
  at: string,
  csrf: string,
  etag: string,
): Html => html`<details class="panel"><summary>Delete</summary>
<p>Everything that it was given ends at once. This cannot be taken back.</p>
${button({ action: `${at}/delete`, csrf, label: 'Delete for good', tone: 'danger', fields: { etag } })}</details>`

export const placeOf = (client_id: string): string => `/clients/${encodeURIComponent(client_id)}`

const shortGrant = (type: string): string =>
  type === 'urn:ietf:params:oauth:grant-type:device_code' ? 'device_code' : type

const SOURCE_WORDS = {
  file: 'the configuration file',
  operator: 'an operator',
  registered: 'itself: nobody vouches for it',
} as const

const SOURCES = [
  ['', 'anywhere'],
  ['file', 'the configuration file'],
  ['operator', 'operators'],
  ['registered', 'itself'],
] as const
