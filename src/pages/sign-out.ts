import { displayed } from './displayed.ts'
import { hiddenFields } from './form.ts'
import { html } from './html.ts'
import { page } from './page.ts'

/** Asks before the session ends: posts `where` = `here` or `everywhere`, and the hidden fields, to `action`. */
export const signOutPage = (p: {
  readonly action: string
  readonly hidden: Readonly<Record<string, string>>
  readonly person: { readonly name: string; readonly username: string }
  /** Where applications are taken their access, which signing out does not. */
  readonly apps?: string
}): string =>
  page({
    title: 'Sign out?',
    main: html`<h1>Sign out?</h1>
<p>You are signed in as <b><bdi>${displayed(p.person.name)}</bdi></b> \
<span class="soft">(<bdi>${displayed(p.person.username)}</bdi>)</span>.</p>
<form method="post" action="${p.action}">
${hiddenFields(p.hidden)}
<div class="links">
<button class="button primary" type="submit" name="where" value="here">Sign out here</button>
<button class="button" type="submit" name="where" value="everywhere">Sign out everywhere</button>
</div>
</form>
${
  p.apps !== undefined &&
  html`<p class="soft small">Applications keep the access that you gave them. <a href="${p.apps}">See which have it</a></p>`
}`,
  })
