import { personRow } from './consent.ts'
import { hiddenFields, problemNote } from './form.ts'
import { html } from './html.ts'
import { page } from './page.ts'

/**
 * Where a person enters the code that a device shows: posts `user_code` and the hidden fields. `user_code`: filled in, as
 * by a link or a QR code.
 */
export const deviceEntryPage = (p: {
  readonly action: string
  readonly hidden: Readonly<Record<string, string>>
  readonly person: { readonly name: string; readonly username: string }
  /** Where to sign in as someone else. */
  readonly signOut?: string
  readonly user_code?: string
  readonly problem?: string
}): string =>
  page({
    title: 'Connect a device',
    main: html`${personRow(p.person, p.signOut)}
<h1>Connect a device</h1>
<p class="soft" id="about">${
      p.user_code === undefined || p.problem !== undefined
        ? 'Enter the code that your device shows.'
        : 'This code came with the link. Go on only if your device shows the same one.'
    }</p>
${problemNote(p.problem)}
<form method="post" action="${p.action}">
${hiddenFields(p.hidden)}
<div class="field">
<label for="user_code">Code</label>
<input class="code" id="user_code" name="user_code" type="text" autocomplete="off" autocapitalize="characters" \
autocorrect="off" spellcheck="false" maxlength="64" required value="${p.user_code ?? ''}" \
aria-describedby="${p.problem === undefined ? 'about' : 'problem'}"${p.problem !== undefined && html` aria-invalid="true"`}\
${p.user_code === undefined && html` autofocus`}>
</div>
<button class="button primary whole" type="submit">Continue</button>
</form>`,
  })
