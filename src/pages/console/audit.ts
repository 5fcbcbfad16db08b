import { html } from '../html.ts'
import { consolePage, type Frame } from './frame.ts'
import { facts, foreign, goOn, table, when } from './parts.ts'

export type ShownEvent = {
  readonly at: number
  readonly event: string
  readonly fields: Readonly<Record<string, unknown>>
}

export type AuditFilters = Readonly<
  Record<'event' | 'client_id' | 'sub' | 'actor' | 'request_id' | 'since' | 'until', string>
>

const LABELS = [
  ['event', 'Event (a first part with a dot finds all below it: client.)'],
  ['client_id', 'client_id'],
  ['sub', 'Person (sub)'],
  ['actor', 'Operator'],
  ['request_id', 'Request (X-Request-Id)'],
  ['since', 'From (2026-01-31)'],
  ['until', 'Before'],
] as const

export const auditPage = (
  frame: Frame,
  p: {
    readonly events: readonly ShownEvent[]
    readonly filters: AuditFilters
    readonly next?: string
    readonly problem?: string
    /** Nothing is kept (audit.keep: 0s). */
    readonly off: boolean
  },
): string =>
  consolePage(frame, {
    title: 'Audit',
    path: '/audit',
    main: html`${p.off && html`<p class="panel">No events are kept: audit.keep is 0s. The log has them.</p>`}
${p.problem !== undefined && html`<p class="problem" role="alert">${p.problem}</p>`}
<form class="filters" method="get" action="/audit" role="search">
${LABELS.map(
  ([name, label]) =>
    html`<div><label for="${name}">${label}</label><input id="${name}" name="${name}" value="${p.filters[name]}"></div>`,
)}
<button type="submit">Search</button></form>
${table({
  caption: 'What happened, newest first. What comes with every token is in the log alone',
  heads: ['When (UTC)', 'Event', 'What'],
  none:
    p.next === undefined
      ? 'Nothing like that has happened.'
      : 'Nothing in what was looked through; go further.',
  rows: p.events.map(({ at, event, fields }) => [
    when(at),
    html`<code>${event}</code>`,
    facts(
      Object.entries(fields).map(([name, value]) => [
        name,
        foreign(typeof value === 'string' ? value : JSON.stringify(value), 400),
      ]),
    ),
  ]),
})}
${goOn('/audit', p.filters, p.next)}`,
  })
