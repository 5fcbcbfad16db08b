import { displayed } from './displayed.ts'
import { hiddenFields, problemNote } from './form.ts'
import type { Html } from './html.ts'
import { html } from './html.ts'
import { page } from './page.ts'

/**
 * The sign-in form: posts `username`, `password` and the hidden fields to `action`. `hint`: said beside the form,
 * such as the account of the demo.
 */
export const signInPage = (p: {
  readonly action: string
  readonly hidden: Readonly<Record<string, string>>
  /** The application that asked; or, for a page of ours, what it is for: `to connect a device`. */
  readonly clientName?: string
  readonly purpose?: string
  readonly username?: string
  readonly problem?: string
  readonly hint?: string
}): string =>
  page({
    title: 'Sign in',
    main: html`<h1>Sign in</h1>
${p.clientName !== undefined && html`<p class="soft">to continue to <bdi>${displayed(p.clientName)}</bdi></p>`}
${p.purpose !== undefined && html`<p class="soft">${p.purpose}</p>`}
${problemNote(p.problem)}
<form method="post" action="${p.action}">
${hiddenFields(p.hidden)}
${usernameField(p.username, p.problem !== undefined)}
${passwordField(p.username !== undefined, p.problem !== undefined)}
<button class="button primary whole" type="submit">Sign in</button>
</form>
${p.hint !== undefined && html`<p class="hint">${displayed(p.hint, 200)}</p>`}`,
  })

const usernameField = (
  username: string | undefined,
  wrong: boolean,
): Html => html`<div class="field">
<label for="username">Username</label>
<input id="username" name="username" type="text" autocomplete="username" autocapitalize="none" autocorrect="off" \
spellcheck="false" maxlength="256" required value="${username ?? ''}"${username === undefined && FOCUSED}${wrong && WRONG}>
</div>`

const passwordField = (known: boolean, wrong: boolean): Html => html`<div class="field">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1024" \
required${known && FOCUSED}${wrong && WRONG}>
</div>`

const FOCUSED = html` autofocus`
const WRONG = html` aria-invalid="true" aria-describedby="problem"`
