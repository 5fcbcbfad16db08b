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
  /** Allowed at an earlier time. */
  readonly already: boolean
  /** False: this person may not grant it; shown, but disabled. */
  readonly offered: boolean
}

/** The consent form: posts `decision` = allow or deny, one `scope` for each ticked box, and the hidden fields. */
export const consentPage = (p: {
  readonly action: string
  readonly hidden: Readonly<Record<string, string>>
  readonly client: {
    readonly name: string
    readonly uri?: string
    /** Host (or scheme, for a private-use one) that the answer goes to. */
    readonly redirectHost: string
    /** Said about how the client came here, such as 'registered itself today'; left out for one of the file. */
    readonly since?: string
  }
  readonly person: { readonly name: string; readonly username: string }
  /** Where to sign out or choose another account. */
  readonly signOut?: string
  readonly scopes: readonly ConsentScope[]
  readonly problem?: string
}): string =>
  page({
    title: `Allow ${displayed(p.client.name)}?`,
    main: html`<h1>${displayed(p.client.name)} asks for access</h1>
<p>Signed in as ${displayed(p.person.name)} (${displayed(p.person.username)})
${p.signOut !== undefined && html`<a href="${p.signOut}">Use another account</a>`}</p>
<p>The answer goes to ${displayed(p.client.redirectHost, 253)}</p>
${problemNote(p.problem)}
<form method="post" action="${p.action}">
${hiddenFields(p.hidden)}
${p.scopes.map(scopeRow)}
<button type="submit" name="decision" value="deny">Deny</button>
<button type="submit" name="decision" value="allow">Allow</button>
</form>`,
  })

const scopeRow = (scope: ConsentScope): Html =>
  html`<p><label><input type="checkbox" name="scope" value="${scope.name}"${
    scope.checked && scope.offered && html` checked`
  }${!scope.offered && html` disabled`}> ${displayed(scope.words, 200)} <code>${scope.name}</code></label></p>`
