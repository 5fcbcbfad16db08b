import { personRow } from './consent.ts'
import { hiddenFields, problemNote } from './form.ts'
import { type Html, html } from './html.ts'
import { page } from './page.ts'

/** Posts `current_password`, `new_password` and `new_password_again`, and the hidden fields. */
export const passwordPage = (p: {
  readonly action: string
  readonly hidden: Readonly<Record<string, string>>
  readonly person: { readonly name: string; readonly username: string }
  /** Characters, at least. */
  readonly shortest: number
  readonly cancel: string
  /** Which field it is about. */
  readonly problem?: { readonly field: PasswordField; readonly text: string }
}): string =>
  page({
    title: 'Change your password',
    main: html`${personRow(p.person, undefined)}
<h1>Change your password</h1>
<p class="soft" id="about">You stay signed in here. Everywhere else you are signed out, and applications must ask you again.</p>
${problemNote(p.problem?.text)}
<form method="post" action="${p.action}">
${hiddenFields(p.hidden)}
<input type="text" name="username" autocomplete="username" value="${p.person.username}" readonly hidden>
${field('current_password', 'Current password', 'current-password', p)}
${field('new_password', 'New password', 'new-password', p)}
<p class="soft small" id="rule">At least ${p.shortest} characters. A few words are easier to remember than symbols.</p>
${field('new_password_again', 'New password again', 'new-password', p)}
<button class="button primary whole" type="submit">Change password</button>
</form>
<p class="links"><a href="${p.cancel}">Leave it as it is</a></p>`,
  })

export type PasswordField = 'current_password' | 'new_password' | 'new_password_again'

const field = (
  name: PasswordField,
  label: string,
  autocomplete: string,
  { problem }: { readonly problem?: { readonly field: PasswordField } },
): Html => {
  const wrong = problem?.field === name
  const described = [...(wrong ? ['problem'] : []), ...(name === 'new_password' ? ['rule'] : [])]
  const focused = wrong || (problem === undefined && name === 'current_password')
  return html`<div class="field">
<label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="password" autocomplete="${autocomplete}" maxlength="1024" required\
${described.length > 0 && html` aria-describedby="${described.join(' ')}"`}${wrong && html` aria-invalid="true"`}\
${focused && html` autofocus`}>
</div>`
}
