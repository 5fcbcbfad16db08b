import { displayed } from '../displayed.ts'
import { type Html, html } from '../html.ts'

/** A moment as people read it, with the exact one for machines. Seconds since the epoch; undefined or 0: never. */
export const when = (seconds: number | undefined): Html => {
  if (seconds === undefined || seconds === 0) return html`<span class="soft">never</span>`
  const iso = new Date(seconds * 1000).toISOString()
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')}</time>`
}

/** Text that somebody else chose: in its own direction, nothing invisible, and of bounded length. */
export const foreign = (text: string, longest = 120): Html =>
  html`<bdi>${displayed(text, longest)}</bdi>`

export const tag = (text: string, tone: '' | 'care' | 'bad' = ''): Html =>
  html`<span class="tag ${tone}">${text}</span>`

export const tags = (texts: readonly string[]): readonly Html[] => texts.map((text) => tag(text))

/** Rows under heads. What is too wide scrolls by itself, from the keyboard as well. */
export const table = (p: {
  readonly caption: string
  readonly heads: readonly string[]
  readonly rows: readonly (readonly (Html | string | number)[])[]
  /** What to say where there are none. */
  readonly none: string
}): Html =>
  p.rows.length === 0
    ? html`<p class="panel soft">${p.none}</p>`
    : html`<div class="scroll" tabindex="0" role="region" aria-label="${p.caption}"><table>
<caption>${p.caption}</caption>
<thead><tr>${p.heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>${p.rows.map((row) => html`<tr>${row.map(cell)}</tr>`)}</tbody>
</table></div>`

const cell = (content: Html | string | number): Html =>
  typeof content === 'number' ? html`<td class="number">${content}</td>` : html`<td>${content}</td>`

export const facts = (pairs: readonly (readonly [string, Html | string] | undefined)[]): Html =>
  html`<dl class="facts">${pairs.flatMap((pair) =>
    pair === undefined ? [] : [html`<dt>${pair[0]}</dt><dd>${pair[1]}</dd>`],
  )}</dl>`

/** The ways to the first page of a list, where `query` has the cursor of another one, and to the next. */
export const goOn = (
  path: string,
  query: Readonly<Record<string, string>>,
  next: string | undefined,
): Html => {
  const isFirst = (query.cursor ?? '') === ''
  if (isFirst && next === undefined) return html``
  return html`<p class="pages">${!isFirst && wayTo('First', path, { ...query, cursor: '' })}${
    next !== undefined && wayTo('Further', path, { ...query, cursor: next })
  }</p>`
}

const wayTo = (label: string, path: string, query: Readonly<Record<string, string>>): Html =>
  html`<a class="button" href="${addressOf(path, query)}">${label}</a>`

export const addressOf = (path: string, query: Readonly<Record<string, string>>): string => {
  const given = Object.entries(query).filter(([, value]) => value !== '')
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`
}

/** A form with one button. */
export const button = (p: {
  readonly action: string
  readonly csrf: string
  readonly label: string
  readonly tone?: 'primary' | 'danger'
  /** What it is done to, for whoever does not see the row that it stands in. */
  readonly named?: string
  readonly fields?: Readonly<Record<string, string>>
}): Html => html`<form method="post" action="${p.action}">${hidden({ csrf: p.csrf, ...p.fields })}
<button class="${p.tone ?? ''}" type="submit">${p.label}${
  p.named !== undefined && html`<span class="unseen">: ${displayed(p.named, 120)}</span>`
}</button></form>`

export const hidden = (fields: Readonly<Record<string, string>>): readonly Html[] =>
  Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )

export type ShownFlaws = ReadonlyMap<string, string>

/** A labelled field, with what is wrong with it beside it. */
export const field = (p: {
  readonly name: string
  readonly label: string
  readonly value?: string
  readonly hint?: string
  readonly flaws?: ShownFlaws
  readonly lines?: boolean
  readonly required?: boolean
  readonly type?: string
}): Html => {
  const flaw = p.flaws?.get(p.name)
  const notes = [p.hint !== undefined && `${p.name}-hint`, flaw !== undefined && `${p.name}-flaw`]
  const described = notes.filter((note) => note !== false).join(' ')
  const attributes = html`id="${p.name}" name="${p.name}"${p.required && html` required`}${
    described !== '' && html` aria-describedby="${described}"`
  }${flaw !== undefined && html` aria-invalid="true"`}`
  return html`<label for="${p.name}">${p.label}</label>
${
  p.lines
    ? html`<textarea ${attributes} spellcheck="false">${p.value ?? ''}</textarea>`
    : html`<input ${attributes} type="${p.type ?? 'text'}" value="${p.value ?? ''}" spellcheck="false" autocomplete="off">`
}
${p.hint !== undefined && html`<p class="hint" id="${p.name}-hint">${p.hint}</p>`}
${flaw !== undefined && html`<p class="flaw" id="${p.name}-flaw">${flaw}</p>`}`
}

export const note = (done: string | undefined, problem: string | undefined): Html => {
  if (problem !== undefined) return html`<p class="problem" role="alert">${problem}</p>`
  return done === undefined ? html`` : html`<p class="done" role="status">${done}</p>`
}
