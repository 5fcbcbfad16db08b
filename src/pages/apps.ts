import { personRow, website } from './consent.ts'
import { displayed } from './displayed.ts'
import { hiddenFields } from './form.ts'
import { type Html, html } from './html.ts'
import { page } from './page.ts'

/** An application that has access. Times in seconds since the epoch. */
export type ShownApp = {
  readonly client_id: string
  readonly name: string
  readonly uri?: string
  /** As in the consent of an application that nobody vouched for. */
  readonly since?: string
  /** What it may do, in the operator's words. Empty: nothing that has a name. */
  readonly words: readonly string[]
  /** When the person first allowed what it has. */
  readonly allowed: number
  readonly used?: { readonly at: number; readonly route: string }
  /** False: it has no access now; what the person allowed before is remembered. */
  readonly active: boolean
  /** The hidden fields of the form that takes it back. */
  readonly hidden: Readonly<Record<string, string>>
}

export type ShownSession = {
  /** `Firefox on Linux`. */
  readonly agent: string
  readonly remote: string
  readonly begun: number
  readonly used: number
  /** The one that looks. */
  readonly here: boolean
}

/** Posts `client_id` and the other hidden fields to `action`, to take back what an application has. */
export const appsPage = (p: {
  readonly action: string
  readonly person: { readonly name: string; readonly username: string }
  readonly apps: readonly ShownApp[]
  readonly sessions: readonly ShownSession[]
  /** Now, seconds since the epoch. */
  readonly now: number
  readonly links: { readonly password: string; readonly signOut: string; readonly again: string }
  /** Said of what has just been done. */
  readonly notice?: string
}): string =>
  page({
    title: 'Your applications',
    main: html`${personRow(p.person, p.links.again)}
<h1>Applications with access</h1>
${p.notice !== undefined && html`<p class="hint" role="status">${displayed(p.notice, 200)}</p>`}
${
  p.apps.length === 0
    ? html`<p class="soft">No application has access to anything of yours.</p>`
    : html`<ul role="list" class="apps">
${p.apps.map((app) => appItem(app, p))}
</ul>`
}
<h2 class="section">Where you are signed in</h2>
<ul role="list" class="sessions">
${p.sessions.map((session) => sessionItem(session, p.now))}
</ul>
<p class="links"><a class="button" href="${p.links.signOut}">Sign out…</a>
<a class="button" href="${p.links.password}">Change password</a></p>`,
  })

const appItem = (app: ShownApp, p: { readonly action: string; readonly now: number }): Html =>
  html`<li class="app">
<h2><bdi>${displayed(app.name, 60)}</bdi></h2>
${app.uri?.startsWith('https://') && html`<p class="small">${website(app.uri)}</p>`}
${
  app.since !== undefined &&
  html`<p class="caution"><b>Not verified: ${displayed(app.since)}.</b> It chose its name itself.</p>`
}
${wordList(app)}
<dl class="facts">
<dt>Allowed</dt><dd>${moment(app.allowed, p.now)}</dd>
<dt>Last used</dt><dd>${lastUse(app, p.now)}</dd>
</dl>
<details class="take-back">
<summary>Remove access</summary>
<form method="post" action="${p.action}">
${hiddenFields(app.hidden)}
<p class="small">${
    app.active
      ? html`<bdi>${displayed(app.name, 60)}</bdi> is cut off at once, wherever it is connected. It can ask you again.`
      : html`<bdi>${displayed(app.name, 60)}</bdi> will have to ask you again.`
  }</p>
<button class="button" type="submit"><span>Remove <bdi>${displayed(app.name, 40)}</bdi></span></button>
</form>
</details>
</li>`

const wordList = ({ words, active }: ShownApp): Html => {
  if (words.length === 0)
    return html`<p>${active ? 'It has access, to nothing in particular.' : ''}</p>`
  const lead = active ? 'It can' : 'You allowed it before; it has no access now'
  return html`<p class="lead">${lead}</p>
<ul class="words">${words.map((one) => html`<li>${displayed(one, 200)}</li>`)}</ul>`
}

const lastUse = ({ used }: ShownApp, now: number): Html =>
  used === undefined
    ? html`never`
    : html`${moment(used.at, now)}, <span class="where">on <code>${displayed(used.route, 120)}</code></span>`

const sessionItem = ({ agent, remote, begun, used, here }: ShownSession, now: number): Html =>
  html`<li><b>${displayed(agent, 60)}</b>${here && html` <span class="tag">This browser</span>`}
<span class="soft small">Since ${moment(begun, now)}${remote !== '' && html`, from <bdi>${displayed(remote, 60)}</bdi>`}${
    !here && html`; last used ${moment(used, now)}`
  }</span></li>`

/** How long ago, and the exact time for whoever points at it. */
const moment = (at: number, now: number): Html => {
  const exact = new Date(at * 1000).toISOString()
  return html`<time datetime="${exact}" title="${exact.slice(0, 16).replace('T', ' ')} UTC">${ago(at, now)}</time>`
}

const ago = (at: number, now: number): string => {
  const minutes = Math.floor(Math.max(0, now - at) / 60)
  if (minutes < 1) return 'just now'
  if (minutes < 60) return counted(minutes, 'minute')
  if (minutes < 24 * 60) return counted(Math.floor(minutes / 60), 'hour')
  const day = new Date(at * 1000).toISOString().slice(0, 10)
  return minutes < 7 * 24 * 60 ? `${counted(Math.floor(minutes / 1440), 'day')} (${day})` : day
}

const counted = (count: number, unit: string): string =>
  `${count} ${unit}${count === 1 ? '' : 's'} ago`
