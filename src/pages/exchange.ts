import type { Html } from './html.ts'
import { html } from './html.ts'
import { type ShownSecret, textWithSecrets } from './shown-secrets.ts'

type ShownMessage = {
  readonly start: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
  /** Header fields that matter less; folded away. */
  readonly incidental?: ShownMessage['headers']
}

export type ShownExchange = {
  readonly from: string
  readonly to: string
  readonly request: ShownMessage
  readonly response: ShownMessage
  readonly status: number
}

/** A request and its response side by side. `id` makes the ids of the parts. */
export const exchangePanes = (
  exchange: ShownExchange,
  secrets: readonly ShownSecret[],
  id: string,
): Html => html`<div class="exchange">
${pane({ id: `${id}-request`, title: 'Request', way: `${exchange.from} → ${exchange.to}`, message: exchange.request, tone: '', secrets })}
${pane({ id: `${id}-response`, title: 'Response', way: `${exchange.to} → ${exchange.from}`, message: exchange.response, tone: exchange.status < 400 ? 'good' : 'bad', secrets })}
</div>`

/** A request as a command for a shell, to be unfolded; the button needs the page's script. */
export const curlDetails = (curl: string, secrets: readonly ShownSecret[], id: string): Html =>
  html`<details class="curl"><summary>The same with curl</summary>
<div><pre id="${id}-curl">${textWithSecrets(curl, secrets)}</pre>
<button class="button copy" type="button" data-of="${id}-curl" hidden>Copy</button></div></details>`

const pane = (p: {
  readonly id: string
  readonly title: string
  readonly way: string
  readonly message: ShownMessage
  readonly tone: '' | 'good' | 'bad'
  readonly secrets: readonly ShownSecret[]
}): Html => {
  const body = readable(p.message)
  return html`<div class="pane">
<h3 id="${p.id}">${p.title} <span>${p.way}</span></h3>
<pre tabindex="0" role="group" aria-labelledby="${p.id}"><b class="${p.tone}">${textWithSecrets(p.message.start, p.secrets)}</b>
${headerLines(p.message.headers, p.secrets)}${
  body.text !== '' && html`\n${textWithSecrets(body.text, p.secrets)}`
}</pre>
${p.message.incidental && folded(p.message.incidental, p.secrets)}
${body.indented && html`<p class="aside">Body indented for reading.</p>`}
</div>`
}

const headerLines = (
  headers: ShownMessage['headers'],
  secrets: readonly ShownSecret[],
): readonly Html[] =>
  headers.map(([name, value]) => html`<i>${name}:</i> ${textWithSecrets(value, secrets)}\n`)

const folded = (headers: ShownMessage['headers'], secrets: readonly ShownSecret[]): Html =>
  html`<details class="aside"><summary>${headers.length} more header fields</summary>
<pre>${headerLines(headers, secrets)}</pre></details>`

/** JSON on several lines, when that loses nothing; anything else as it came. */
const readable = ({ body }: ShownMessage): { text: string; indented: boolean } => {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && JSON.stringify(value) === body
      ? { text: JSON.stringify(value, undefined, 2), indented: true }
      : { text: body, indented: false }
  } catch {
    return { text: body, indented: false }
  }
}
