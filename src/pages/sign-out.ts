import { displayed } from './displayed.ts'
import { hiddenFields } from './form.ts'
import { html } from './html.ts'
import { page } from './page.ts'

/** Asks before the session ends: posts the hidden fields to `action`. */
export const signOutPage = (p: {
  readonly action: string
  readonly hidden: Readonly<Record<string, string>>
  readonly person: { readonly name: string; readonly username: string }
  /** Where to go instead. */
  readonly cancel?: string
}): string =>
  page({
    title: 'Sign out?',
    main: html`<h1>Sign out?</h1>
<p>You are signed in as <b><bdi>${displayed(p.person.name)}</bdi></b> \
<span class="soft">(<bdi>${displayed(p.person.username)}</bdi>)</span>.</p>
<form method="post" action="${p.action}">
${hiddenFields(p.hidden)}
<div class="links">
<button class="button primary" type="submit">Sign out</button>
${p.cancel !== undefined && html`<a class="button" href="${p.cancel}">Stay signed in</a>`}
</div>
</form>`,
  })
