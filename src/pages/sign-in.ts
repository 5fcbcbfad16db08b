import { displayed } from './displayed.ts'
import { hiddenFields, problemNote } from './form.ts'
import { html } from './html.ts'
import { page } from './page.ts'

/** The sign-in form: posts `username`, `password` and the hidden fields to `action`. */
export const signInPage = (p: {
  readonly action: string
  readonly hidden: Readonly<Record<string, string>>
  readonly clientName: string
  readonly username?: string
  readonly problem?: string
}): string =>
  page({
    title: 'Sign in',
    main: html`<h1>Sign in</h1>
<p>to continue to ${displayed(p.clientName)}</p>
${problemNote(p.problem)}
<form method="post" action="${p.action}">
${hiddenFields(p.hidden)}
<label for="username">Username</label>
<input id="username" name="username" autocomplete="username" value="${p.username ?? ''}" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button type="submit">Sign in</button>
</form>`,
  })
