import { type Html, html } from '../html.ts'
import { consolePage, type Frame } from './frame.ts'
import { addressOf, facts, foreign, goOn, table, tag } from './parts.ts'

export type ShownRefusal = {
  /** Seconds since the epoch. */
  readonly at: number
  readonly request_id: string
  readonly method: string
  readonly path: string
  readonly status: number
  readonly remote: string
  readonly refusal?: string
  readonly error?: string
  readonly client_id?: string
} & Readonly<Record<string, unknown>>

export type RefusalFilters = Readonly<
  Record<'request_id' | 'client_id' | 'sub' | 'route' | 'status', string>
>

const LABELS = [
  ['request_id', 'Request id (X-Request-Id)'],
  ['client_id', 'client_id'],
  ['sub', 'Person (sub)'],
  ['route', 'Route'],
  ['status', 'Status'],
] as const

/** What was refused, each with what its line in the log says, and the way to ask what becomes of it now. */
export const refusalsPage = (
  frame: Frame,
  p: {
    readonly refusals: readonly ShownRefusal[]
    readonly filters: RefusalFilters
    readonly next?: string
    readonly problem?: string
  },
): string =>
  consolePage(frame, {
    title: 'Refusals',
    path: '/refusals',
    main: html`${p.problem !== undefined && html`<p class="problem" role="alert">${p.problem}</p>`}
<form class="filters" method="get" action="/refusals" role="search">
${LABELS.map(
  ([name, label]) =>
    html`<div><label for="${name}">${label}</label><input id="${name}" name="${name}" value="${p.filters[name]}" spellcheck="false" autocomplete="off"></div>`,
)}
<button type="submit">Search</button></form>
${table({
  caption: 'Who was refused last, and why, as far as it is remembered',
  heads: ['When (UTC)', 'Request', 'Answer', 'What is known', 'Now'],
  none: noneText(p.filters),
  rows: p.refusals.map((one) => [
    moment(one.at),
    html`${one.method === '' ? html`<span class="soft">no HTTP</span>` : html`<code>${one.method} ${foreign(one.path, 200)}</code>`}`,
    html`${one.status} ${tag(one.refusal ?? one.error ?? '', one.status >= 500 ? 'bad' : 'care')}`,
    facts(
      KNOWN.flatMap((name) => {
        const value = one[name]
        return value === undefined ? [] : [[name, known(name, String(value), one)] as const]
      }),
    ),
    explaining(one),
  ]),
})}
${goOn('/refusals', p.filters, p.next)}`,
  })

const known = (name: string, value: string, { client_id }: ShownRefusal): Html => {
  // A client's own token has the client for its subject.
  const place = name === 'sub' && value === `client:${client_id}` ? undefined : PLACES.get(name)
  if (place === undefined) return foreign(value, 600)
  return html`<a href="${place}/${encodeURIComponent(value)}">${foreign(value)}</a>`
}

const PLACES = new Map([
  ['client_id', '/clients'],
  ['sub', '/people'],
])

/** To the second: requests come by the dozen a minute. */
const moment = (seconds: number): Html => {
  const iso = new Date(seconds * 1000).toISOString()
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')}</time>`
}

const KNOWN = [
  ...['request_id', 'route', 'client_id', 'sub', 'grant_id', 'missing_scope', 'expired_for'],
  ...['ended', 'reason', 'description', 'error', 'upstream', 'remote'],
]

const noneText = ({ request_id }: RefusalFilters): string =>
  request_id === ''
    ? 'Nothing of that kind is remembered. Each process keeps the last few thousand refusals in memory, since it started; the log has all.'
    : `No refusal of this id is remembered (any more). Look for it in the log, as request_id, and under Audit; what an upstream refused itself is in the log alone.`

/** Only what begins with a path can be asked again. */
const explaining = ({ method, path, request_id }: ShownRefusal): Html =>
  path.startsWith('/') && !path.endsWith('…')
    ? html`<a href="${addressOf('/routes', { method, url: path })}#explain">Explain<span class="unseen">: ${request_id}</span></a>`
    : html``
