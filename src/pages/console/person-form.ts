import { html } from '../html.ts'
import { consolePage, type Frame } from './frame.ts'
import { field, hidden, note, type ShownFlaws } from './parts.ts'
import { scopeBoxes } from './scope-boxes.ts'

/** What the form holds, as it was typed. */
export type PersonForm = {
  readonly username: string
  readonly name: string
  readonly email: string
  readonly admin: string
  readonly scopes: ReadonlySet<string>
  readonly everyScope: boolean
}

export const personFormPage = (
  frame: Frame,
  p: {
    readonly title: string
    readonly action: string
    readonly form: PersonForm
    readonly allScopes: readonly { readonly scope: string; readonly description: string }[]
    readonly flaws: ShownFlaws
    readonly problem?: string
    /** Of the account that is changed; absent for a new one. */
    readonly etag?: string
  },
): string =>
  consolePage(frame, {
    title: p.title,
    path: '/people',
    main: html`${note(undefined, p.problem)}
<form class="stack panel" method="post" action="${p.action}">${hidden({ csrf: frame.csrf, ...(p.etag !== undefined && { etag: p.etag }) })}
${field({ name: 'username', label: 'Username', value: p.form.username, flaws: p.flaws, required: true })}
${field({ name: 'name', label: 'Name', value: p.form.name, flaws: p.flaws })}
${field({ name: 'email', label: 'Email', value: p.form.email, type: 'email', flaws: p.flaws })}
${
  p.etag === undefined &&
  field({
    name: 'password',
    label: 'Password',
    type: 'password',
    hint: '8 characters or more. It is hashed here and shown nowhere.',
    flaws: p.flaws,
    required: true,
  })
}
${scopeBoxes({ ...p, legend: 'Scopes that they may give' })}
<fieldset><legend>At this console and the admin API</legend>${ROLES.map(
      ([value, label, words]) =>
        html`<label><input type="radio" name="admin" value="${value}"${value === p.form.admin && CHECKED}>${label}
<span class="soft">${words}</span></label>`,
    )}</fieldset>
<button class="primary" type="submit">Save</button>
</form>`,
  })

const ROLES = [
  ['', 'Nothing', 'Cannot sign in here.'],
  ['viewer', 'Viewer', 'Sees everything but secrets.'],
  ['operator', 'Operator', 'Also makes and changes clients, ends grants and sessions, disables.'],
  ['owner', 'Owner', 'Everything, accounts and roles as well.'],
] as const

const CHECKED = html` checked`
