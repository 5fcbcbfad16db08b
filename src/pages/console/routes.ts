import { type Html, html } from '../html.ts'
import { consolePage, type Frame } from './frame.ts'
import { field, foreign, hidden, table, tag, tags } from './parts.ts'

export type ShownRoute = {
  readonly path: string
  readonly host?: string
  readonly methods?: readonly string[]
  readonly access: 'token' | 'public' | 'optional'
  readonly scope?: { readonly mode: 'all' | 'any'; readonly scopes: readonly string[] }
  readonly upstream: string
  readonly targets: readonly {
    readonly target: string
    readonly up: boolean
    readonly inFlight: number
    readonly retries: number
    readonly ejections: number
  }[]
}

export type AskedQuestion = {
  readonly method: string
  readonly url: string
  readonly headers: string
}

/** The routes with the health of where they lead, and what becomes of a request, in place. */
export const routesPage = (
  frame: Frame,
  p: {
    readonly routes: readonly ShownRoute[]
    readonly asked: AskedQuestion
    /** As the command line tells it. */
    readonly explanation?: string
    readonly problem?: string
  },
): string =>
  consolePage(frame, {
    title: 'Routes',
    path: '/routes',
    main: html`${explaining(frame.csrf, p)}
${table({
  caption: 'What is let through, and to where. What no route names is 404',
  heads: ['Path', 'Methods', 'Who may', 'Upstream', 'Its targets now'],
  none: 'The configuration has no route: everything is 404.',
  rows: p.routes.map((route) => [
    html`${route.host !== undefined && html`<span class="soft">${route.host}</span> `}<code>${route.path}</code>`,
    route.methods === undefined ? 'all' : html`${tags(route.methods)}`,
    access(route),
    route.upstream,
    html`${route.targets.map(
      ({ target, up, inFlight }) =>
        html`<div><code>${target}</code> ${up ? tag('up') : tag('down', 'bad')} <span class="soft">${inFlight} in flight</span></div>`,
    )}`,
  ]),
})}`,
  })

const access = ({ access: kind, scope }: ShownRoute): Html => {
  if (kind === 'public') return tag('anyone', 'care')
  const optional = kind === 'optional' ? tag('anyone; a token is checked', 'care') : html``
  if (scope === undefined) return html`${optional} any good token`
  return html`${optional} ${scope.mode === 'any' && 'any of '}${tags(scope.scopes)}`
}

const explaining = (
  csrf: string,
  p: { readonly asked: AskedQuestion; readonly explanation?: string; readonly problem?: string },
): Html => html`<section class="panel" aria-labelledby="explain"><h2 id="explain">Why was this refused?</h2>
<p>Says what becomes of a request, and why. Nothing is sent; the token stays here.</p>
${p.problem !== undefined && html`<p class="problem" role="alert">${p.problem}</p>`}
<form class="stack" method="post" action="/routes">${hidden({ csrf })}
${field({ name: 'method', label: 'Method', value: p.asked.method, required: true })}
${field({ name: 'url', label: 'Path, or a whole URL', value: p.asked.url, required: true })}
${field({ name: 'headers', label: 'Header fields, one a line: Name: value', value: p.asked.headers, lines: true })}
${field({ name: 'token', label: 'Access token, if it had one', type: 'password' })}
<button class="primary" type="submit">Explain</button></form>
${p.explanation !== undefined && html`<pre tabindex="0" role="status" aria-label="Explanation">${foreignLines(p.explanation)}</pre>`}
</section>`

/** What a request says may be anything: line by line, nothing invisible. */
const foreignLines = (text: string): Html =>
  html`${text.split('\n').map((line) => html`${foreign(line.replaceAll(' ', '\u00a0'), 2000)}\n`)}`
