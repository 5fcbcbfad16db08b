import { problemNote } from '../form.ts'
import { html } from '../html.ts'
import { type Frame, openPage } from './frame.ts'

/** Where an account with an `admin` role signs in. */
export const consoleSignInPage = (p: {
  readonly assets: Frame['assets']
  readonly warnings: readonly string[]
  readonly csrf: string
  /** A path of the console. */
  readonly next: string
  readonly username?: string
  readonly problem?: string
}): string =>
  openPage(p.assets, {
    title: 'Sign in to the console',
    warnings: p.warnings,
    main: html`${problemNote(p.problem)}
<form class="stack" method="post" action="/sign-in">
<input type="hidden" name="csrf" value="${p.csrf}"><input type="hidden" name="next" value="${p.next}">
<label for="username">Username</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="256" \
required value="${p.username ?? ''}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1024" required>
<button class="primary" type="submit">Sign in</button>
</form>
<p class="soft">For accounts with an <code>admin</code> role: viewer, operator or owner.</p>`,
  })
