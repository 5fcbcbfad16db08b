import { displayed } from '../displayed.ts'
import { type Html, html } from '../html.ts'
import { placeOf } from './clients.ts'
import { consolePage, type Frame } from './frame.ts'
import { addressOf, button, foreign, goOn, note, table, tags, when } from './parts.ts'

/** A grant as the list shows it. Times in seconds since the epoch. */
export type ShownGrant = {
  readonly id: string
  readonly client_id: string
  readonly sub: string
  readonly scope: readonly string[]
  readonly resource: readonly string[]
  readonly created: number
  readonly expires: number
  /** Of what a client holds for itself: any of its own. */
  readonly last_used?: number
  readonly last_route?: string
}

/** What is looked for, '' where anything will do; and `cursor`, the page of the list. */
export type GrantFilters = Readonly<
  Record<'client_id' | 'sub' | 'scope' | 'unused' | 'cursor', string>
>

export const grantsPage = (
  frame: Frame,
  p: {
    readonly grants: readonly ShownGrant[]
    readonly filters: GrantFilters
    readonly next?: string
    readonly mayEnd: boolean
    readonly done?: string
    readonly problem?: string
  },
): string =>
  consolePage(frame, {
    title: 'Grants',
    path: '/grants',
    main: html`${note(p.done, p.problem)}
<p>A grant is one person’s yes to one application, or what an application was given for itself. Ending it ends its tokens everywhere, at once.</p>
<form class="filters" method="get" action="/grants" role="search">
<div><label for="client_id">client_id</label><input id="client_id" name="client_id" value="${p.filters.client_id}"></div>
<div><label for="sub">Person (sub)</label><input id="sub" name="sub" value="${p.filters.sub}"></div>
<div><label for="scope">Scope</label><input id="scope" name="scope" value="${p.filters.scope}"></div>
<div><label for="unused">Unused for days</label><input id="unused" name="unused" inputmode="numeric" size="6" value="${p.filters.unused}"></div>
<button type="submit">Search</button></form>
${grantsTable(p.grants, {
  caption: captionOf(p.filters),
  none: noneOf(p.filters, p.next !== undefined),
  end: p.mayEnd ? { csrf: frame.csrf, fields: { ...p.filters, back: 'grants' } } : undefined,
})}
${p.grants.length === 0 && p.next !== undefined && html`<p class="soft">A page looks through some thousand grants. <code>portcullis grant list --all</code>, with the same filters, looks through all of them at once.</p>`}
${goOn('/grants', p.filters, p.next)}`,
  })

const noneOf = ({ cursor }: GrantFilters, isMore: boolean): string => {
  if (isMore) return 'None of those looked through so far is like that. There are more: go further.'
  return cursor === '' ? 'No grant is like that.' : 'None of the rest is like that.'
}

const captionOf = ({ client_id, sub, scope, unused }: GrantFilters): string => {
  const whose = [
    client_id !== '' && `of ${displayed(client_id)}`,
    sub !== '' && `by ${displayed(sub)}`,
    scope !== '' && `that have ${displayed(scope)}`,
    unused !== '' && `with tokens unused for ${displayed(unused, 10)} days`,
  ].filter((part) => part !== false)
  const order = client_id === '' && sub === '' ? 'client by client, oldest first' : 'oldest first'
  return `${['Grants', ...whose].join(' ')}, ${order} (times in UTC)`
}

/** `by`: what all of them share is left out. `end`: who looks may end them; goes along with the form. */
export const grantsTable = (
  grants: readonly ShownGrant[],
  p: {
    readonly caption: string
    readonly none: string
    readonly end:
      | { readonly csrf: string; readonly fields: Readonly<Record<string, string>> }
      | undefined
    readonly by?: 'client'
  },
): Html =>
  table({
    caption: p.caption,
    heads: [
      'Client',
      ...(p.by === 'client' ? [] : ['Person']),
      'Scopes',
      'Since',
      'Until',
      'Last used',
      ...(p.end ? ['End'] : []),
    ],
    none: p.none,
    rows: grants.map((grant) => [
      html`<a href="${placeOf(grant.client_id)}">${foreign(grant.client_id)}</a>`,
      ...(p.by === 'client' ? [] : [personOf(grant)]),
      html`${tags(grant.scope)}`,
      when(grant.created),
      when(grant.expires),
      html`${when(grant.last_used)}${grant.last_route !== undefined && html` <code>${foreign(grant.last_route)}</code>`}`,
      ...(p.end ? [ending(grant, p.end)] : []),
    ]),
  })

const personOf = ({ sub, client_id }: ShownGrant): Html =>
  sub === `client:${client_id}`
    ? html`<span class="soft">itself</span>`
    : html`<a href="/people/${encodeURIComponent(sub)}">${foreign(sub)}</a>`

const ending = (
  { id, client_id, sub }: ShownGrant,
  end: { readonly csrf: string; readonly fields: Readonly<Record<string, string>> },
): Html =>
  button({
    action: `/grants/${encodeURIComponent(id)}/end`,
    csrf: end.csrf,
    label: 'End',
    named: `what ${sub} gave ${client_id}`,
    fields: end.fields,
  })

/** Where the list of some filters is. */
export const placeOfGrants = (filters: GrantFilters & { readonly done?: string }): string =>
  addressOf('/grants', filters)
