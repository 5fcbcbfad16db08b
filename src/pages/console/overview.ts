import { type Html, html } from '../html.ts'
import { chart } from './chart.ts'
import { consolePage, type Frame } from './frame.ts'

export type Traffic = {
  readonly requests: readonly number[]
  readonly failures: readonly number[]
  readonly refusals: readonly number[]
  readonly median: readonly (number | undefined)[]
  readonly p99: readonly (number | undefined)[]
  readonly hits: readonly (number | undefined)[]
  readonly lag: readonly number[]
}

type Facts = readonly { readonly name: string; readonly value: string; readonly alarm?: boolean }[]

/** What is going on: live pictures, and what an operator has to know first. */
export const overviewPage = (
  frame: Frame,
  p: { readonly traffic: Traffic; readonly facts: Facts },
): string => consolePage(frame, { title: 'Overview', path: '/', main: html`${live(p)}` })

/** What is asked for again every few seconds; without scripts, by loading the page. */
export const live = (p: { readonly traffic: Traffic; readonly facts: Facts }): Html =>
  html`<div id="live" hx-get="/live" hx-trigger="every 5s" hx-swap="outerHTML">
<dl class="tiles">${p.facts.map(
    ({ name, value, alarm }) => html`<div${alarm && ALARM}><dt>${name}</dt><dd>${value}</dd></div>`,
  )}</dl>
<div class="charts">
${chart({
  id: 'requests',
  title: 'Requests a second',
  least: 1,
  written: perSecond,
  lines: [
    { name: 'all', values: p.traffic.requests, tone: 1 },
    { name: 'refused (4xx)', values: p.traffic.refusals, tone: 2 },
    { name: 'failed (5xx)', values: p.traffic.failures, tone: 3 },
  ],
})}
${chart({
  id: 'latency',
  title: 'How long they take',
  least: 0.005,
  written: inMilliseconds,
  lines: [
    { name: 'half of them, at most', values: p.traffic.median, tone: 1 },
    { name: '99 of 100, at most', values: p.traffic.p99, tone: 2 },
  ],
})}
${chart({
  id: 'hits',
  title: 'Tokens checked from memory',
  least: 1,
  written: inPercent,
  lines: [{ name: 'share', values: p.traffic.hits, tone: 1 }],
})}
${chart({
  id: 'lag',
  title: 'How long a revocation takes to arrive',
  least: 0.01,
  written: inMilliseconds,
  lines: [{ name: 'last one', values: p.traffic.lag, tone: 4 }],
})}
</div></div>`

const ALARM = html` class="alarm"`

const perSecond = (value: number): string => (value < 10 ? value.toFixed(1) : value.toFixed(0))

const inMilliseconds = (seconds: number): string => {
  const ms = seconds * 1000
  if (ms >= 1000) return `${seconds.toFixed(1)} s`
  return `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`
}

const inPercent = (share: number): string => `${(share * 100).toFixed(share < 1 ? 1 : 0)} %`
