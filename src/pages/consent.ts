import { displayed } from './displayed.ts'
import { hiddenFields, problemNote } from './form.ts'
import type { Html } from './html.ts'
import { html } from './html.ts'
import { page } from './page.ts'

export type ConsentScope = {
  readonly name: string
  /** What it lets the application do, in the operator's words. */
  readonly words: string
  readonly checked: boolean
  /** `reworded`: allowed when it had other words. Left out where the person has never allowed the application anything. */
  readonly history?: 'new' | 'allowed' | 'reworded'
  /** False: this person may not grant it; shown, but disabled. */
  readonly offered: boolean
}

export type ConsentClient = {
  readonly name: string
  /** Its home page; shown only when it is https. */
  readonly uri?: string
  /** Host (or scheme, for a private-use one) that the answer goes to. */
  readonly redirectHost: string
  /** How it came here when nobody vouched for it: 'registered 2026-11-22'. Left out for one of the file. */
  readonly since?: string
}

/** The consent form: posts `decision` = allow or deny, one `scope` for each ticked box, and the hidden fields. */
export const consentPage = (p: {
  readonly action: string
  readonly hidden: Readonly<Record<string, string>>
  readonly client: ConsentClient
  readonly person: { readonly name: string; readonly username: string }
  /** Where to sign in as someone else. */
  readonly signOut?: string
  readonly scopes: readonly ConsentScope[]
  /** What the application may do since the person last allowed it. */
  readonly gained?: 'redirect_uris' | 'scope'
  readonly problem?: string
}): string =>
  page({
    title: `Allow ${displayed(p.client.name, 60)}?`,
    main: html`${personRow(p.person, p.signOut)}
<h1><bdi>${displayed(p.client.name, 60)}</bdi> asks for access</h1>
${clientFacts(p.client)}
${p.gained !== undefined && html`<p class="caution">${GAINED[p.gained]}</p>`}
${problemNote(p.problem)}
${decisionForm('If you allow it, it can', p)}`,
  })

/** Posts `decision` = allow or deny, one `scope` for each ticked box, and the hidden fields. */
export const decisionForm = (
  legend: string,
  p: {
    readonly action: string
    readonly hidden: Readonly<Record<string, string>>
    readonly scopes: readonly ConsentScope[]
  },
): Html =>
  html`<form method="post" action="${p.action}">
${NO_DEFAULT}
${hiddenFields(p.hidden)}
${
  asksForMore(p.scopes)
    ? [
        scopeList(`${legend} also`, p.scopes.filter(isAsked)),
        scopeList(
          'What you allowed before',
          p.scopes.filter((scope) => !isAsked(scope)),
        ),
      ]
    : scopeList(legend, p.scopes)
}
<p class="soft small" id="partial">Untick what it should not do: it gets only what stays ticked.</p>
<div class="choice">
<button class="button" type="submit" name="decision" value="deny">Deny</button>
<button class="button primary" type="submit" name="decision" value="allow">Allow</button>
</div>
</form>`

const scopeList = (legend: string, scopes: readonly ConsentScope[]): Html =>
  html`<fieldset aria-describedby="partial">
<legend>${legend}</legend>
<ul role="list" class="scopes">
${scopes.map(scopeRow)}
</ul>
</fieldset>`

const isAsked = ({ history }: ConsentScope): boolean => history !== 'allowed'

/** Some of it was allowed before, and some was not. */
const asksForMore = (scopes: readonly ConsentScope[]): boolean =>
  scopes.some(isAsked) && !scopes.every(isAsked)

const GAINED = {
  redirect_uris: html`<b>Its answers may go to other addresses</b> than when you last allowed it. So you are asked again.`,
  scope: html`<b>It may ask for more</b> than when you last allowed it. So you are asked again.`,
}

// Enter in a form presses its first submit button that works. This one works and does nothing, there being no dialog to
// close: Enter on a checkbox decides nothing, a person must reach for Allow or for Deny. (A disabled one would not do:
// from a checkbox, Chromium skips it and presses Deny.)
const NO_DEFAULT = html`<button type="submit" formmethod="dialog" hidden></button>`

export const personRow = (
  person: { readonly name: string; readonly username: string },
  signOut: string | undefined,
): Html => html`<div class="person">
<span>Signed in as <b><bdi>${displayed(person.name)}</bdi></b> <span class="soft">(<bdi>${displayed(person.username)}</bdi>)</span></span>
${signOut !== undefined && html`<a href="${signOut}">Use another account</a>`}
</div>`

const clientFacts = (client: ConsentClient): Html => html`<dl class="facts">
<dt>Answer goes to</dt><dd><bdi>${displayed(client.redirectHost, 253)}</bdi></dd>
${client.uri?.startsWith('https://') && html`<dt>Website</dt><dd>${website(client.uri)}</dd>`}
</dl>
${client.since !== undefined && unverified(client.since)}`

export const unverified = (since: string): Html =>
  html`<p class="caution"><b>Not verified: ${displayed(since)}.</b> It chose its name itself. \
Allow it only if you know the address above.</p>`

export const website = (uri: string): Html =>
  html`<a href="${uri}" target="_blank" rel="noopener noreferrer"><bdi>${displayed(uri.slice(8), 80)}</bdi></a>`

const scopeRow = (scope: ConsentScope): Html =>
  scope.offered
    ? html`<li><label class="scope"><input type="checkbox" name="scope" value="${scope.name}"${scope.checked && html` checked`}>
<span><b>${displayed(scope.words, 200)}</b><code>${displayed(scope.name)}</code>${
        scope.history !== undefined && HISTORIES[scope.history]
      }</span></label></li>`
    : html`<li><label class="scope off"><input type="checkbox" disabled>
<span><b>${displayed(scope.words, 200)}</b><code>${displayed(scope.name)}</code>
<span class="why">Not yours to give: your account does not have it.</span></span></label></li>`

const HISTORIES = {
  new: html``,
  allowed: html` <span class="tag">Allowed before</span>`,
  reworded: html` <span class="tag">Its meaning has changed</span>`,
}
