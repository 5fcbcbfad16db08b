import { type Html, html } from '../html.ts'
import { consolePage, type Frame } from './frame.ts'
import { table, tag, when } from './parts.ts'

export type ShownScope = {
  readonly scope: string
  readonly description: string
  readonly routes: readonly string[]
  /** How many may ask for it. */
  readonly clients: number
  /** Live grants of people that have it, and clients that hold it for themselves. */
  readonly granted: number
  /** Those of them that were let through somewhere because of it; those of which it is not known. */
  readonly used: number
  readonly unknown: number
  /** When one last was, seconds since the epoch. */
  readonly last?: number
}

export const scopesPage = (
  frame: Frame,
  p: {
    readonly scopes: readonly ShownScope[]
    /** So many grants of how many clients were looked through; `more`: there are others. */
    readonly looked: { readonly grants: number; readonly clients: number; readonly more: boolean }
    /** Clients may ask that were not counted. */
    readonly moreClients: boolean
  },
): string =>
  consolePage(frame, {
    title: 'Scopes',
    path: '/scopes',
    main: html`${p.looked.more && html`<p class="caution">Looked through ${p.looked.grants} grants of ${p.looked.clients} clients, not all of them: what none of these has used may be used by others.</p>`}
${table({
  caption: 'Every scope that can be granted, and whether it is used (times in UTC)',
  heads: [
    'Scope',
    'What people read',
    'Routes that ask for it',
    'Clients that may ask for it',
    'Granted to',
    'Of those, used by',
    'Last used',
  ],
  none: 'The configuration defines no scope.',
  rows: p.scopes.map((scope) => [
    html`<code>${scope.scope}</code>`,
    scope.description,
    scope.routes.length === 0
      ? tag('none: it opens nothing', 'care')
      : html`${scope.routes.map((path) => html`<code>${path}</code> `)}`,
    p.moreClients ? html`${scope.clients} or more` : scope.clients,
    scope.granted,
    usersOf(scope),
    scope.unknown > 0 && scope.last === undefined
      ? html`<span class="soft">not known</span>`
      : when(scope.last),
  ]),
})}
<p class="soft">Granted to: people’s grants that have it, and clients that hold it for themselves, each once. It is used by a request that a route let through which asks for it.</p>`,
  })

const usersOf = ({ granted, used, unknown }: ShownScope): Html | number => {
  if (unknown > 0) return html`${used}, of ${unknown} it is not known`
  return granted > 0 && used === 0 ? tag('never used', 'care') : used
}
