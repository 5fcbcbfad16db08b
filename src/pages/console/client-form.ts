import { type Html, html } from '../html.ts'
import { consolePage, type Frame } from './frame.ts'
import { field, hidden, note, type ShownFlaws } from './parts.ts'
import { scopeBoxes } from './scope-boxes.ts'

/** What the form holds, as it was typed. */
export type ClientForm = {
  readonly kind: string
  readonly client_id: string
  readonly client_name: string
  readonly client_uri: string
  readonly redirect_uris: string
  readonly scopes: ReadonlySet<string>
  readonly everyScope: boolean
  readonly offline: boolean
  readonly introspect: boolean
}

/** A client is described by what it is; grant types, authentication and PKCE follow from that. */
const KINDS = [
  ['web', 'Web application', 'Runs on a server, signs people in, keeps a secret.'],
  ['public', 'Browser, desktop or phone application', 'Signs people in and cannot keep a secret.'],
  ['machine', 'Machine', 'Acts for itself, without a person; keeps a secret.'],
  ['device', 'Device without a browser', 'A person allows it on another device.'],
  ['resource', 'Resource server', 'Only asks whether tokens are good (introspection).'],
] as const

export const clientFormPage = (
  frame: Frame,
  p: {
    readonly title: string
    readonly action: string
    readonly form: ClientForm
    readonly allScopes: readonly { readonly scope: string; readonly description: string }[]
    readonly flaws: ShownFlaws
    readonly problem?: string
    /** Of the client that is changed; absent for a new one. */
    readonly etag?: string
  },
): string =>
  consolePage(frame, {
    title: p.title,
    path: '/clients',
    main: html`${note(undefined, p.problem)}
<form class="stack panel" method="post" action="${p.action}">${hidden({ csrf: frame.csrf, ...(p.etag !== undefined && { etag: p.etag }) })}
${p.etag === undefined ? kinds(p.form.kind) : kind(p.form.kind)}
${field({ name: 'client_name', label: 'Name, as people see it when they are asked', value: p.form.client_name, flaws: p.flaws, required: true })}
${
  p.etag === undefined &&
  field({
    name: 'client_id',
    label: 'client_id',
    value: p.form.client_id,
    hint: 'Left empty, it is given one that nobody can guess. It never changes.',
    flaws: p.flaws,
  })
}
${field({ name: 'client_uri', label: 'A page about it', value: p.form.client_uri, type: 'url', flaws: p.flaws })}
${
  (p.etag === undefined || signsIn(p.form.kind)) &&
  field({
    name: 'redirect_uris',
    label: 'Redirect URIs, one a line',
    value: p.form.redirect_uris,
    lines: true,
    hint: 'Compared character by character: no wildcards. https, or http on 127.0.0.1, [::1] or localhost (for public clients with any port), or a scheme of the application’s own with a dot (com.example.app:/callback).',
    flaws: p.flaws,
  })
}
${scopeBoxes({ ...p, legend: 'Scopes that it may ask for' })}
<fieldset><legend>More</legend>
${
  (p.etag === undefined || p.form.kind === 'device' || signsIn(p.form.kind)) &&
  html`<label><input type="checkbox" name="offline" value="yes"${p.form.offline && CHECKED}>Stays signed in (refresh tokens)</label>`
}
<label><input type="checkbox" name="introspect" value="yes"${p.form.introspect && CHECKED}>May introspect the tokens of other clients</label></fieldset>
<button class="primary" type="submit">Save</button>
</form>`,
  })

const kinds = (chosen: string): Html =>
  html`<fieldset><legend>What it is</legend>${KINDS.map(
    ([value, label, words]) =>
      html`<label><input type="radio" name="kind" value="${value}" required${value === chosen && CHECKED}>${label}
<span class="soft">${words}</span></label>`,
  )}</fieldset>`

/** Whether it can keep a secret, and how it gets tokens, is settled when it is made; the API and the command line change all of it. */
const kind = (chosen: string): Html => {
  const [, label, words] = KINDS.find(([value]) => value === chosen) ?? []
  return html`<p><strong>${label ?? chosen}</strong> <span class="soft">${words ?? ''}</span></p>`
}

const signsIn = (chosen: string): boolean => chosen === 'web' || chosen === 'public'

const CHECKED = html` checked`
