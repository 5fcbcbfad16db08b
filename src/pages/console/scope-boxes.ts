import { type Html, html } from '../html.ts'
import type { ShownFlaws } from './parts.ts'

/** A box for each scope, and one for all that there are and will be. */
export const scopeBoxes = (p: {
  readonly legend: string
  readonly form: { readonly scopes: ReadonlySet<string>; readonly everyScope: boolean }
  readonly allScopes: readonly { readonly scope: string; readonly description: string }[]
  readonly flaws: ShownFlaws
}): Html =>
  html`<fieldset><legend>${p.legend}</legend>${p.allScopes.map(
    ({ scope, description }) =>
      html`<label><input type="checkbox" name="scope" value="${scope}"${p.form.scopes.has(scope) && CHECKED}><code>${scope}</code>
<span class="soft">${description}</span></label>`,
  )}<label><input type="checkbox" name="everyScope" value="yes"${p.form.everyScope && CHECKED}>Every scope
<span class="soft">those that are still to come as well</span></label>${p.flaws.has('scope') && html`<p class="flaw">${p.flaws.get('scope') ?? ''}</p>`}</fieldset>`

const CHECKED = html` checked`
