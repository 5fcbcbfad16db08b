import { type Html, html } from '../html.ts'
import { consolePage, type Frame } from './frame.ts'
import { grantsTable, type ShownGrant } from './grants.ts'
import { addressOf, button, facts, foreign, goOn, hidden, note, table, tag, when } from './parts.ts'

/** An account as its page shows it. Times in seconds since the epoch. */
export type ShownPerson = {
  readonly sub: string
  readonly username: string
  readonly name?: string
  readonly email?: string
  readonly scope?: string
  readonly admin?: string
  readonly source: 'file' | 'operator'
  readonly line?: number
  readonly created: number
  readonly disabled?: { readonly at: number; readonly reason: string }
}

export type ShownSession = {
  readonly id: string
  /** Of this console, or of the pages that give applications access. */
  readonly ofConsole: boolean
  readonly auth_time: number
  readonly used: number
  readonly remote?: string
  readonly agent?: string
}

export const peoplePage = (
  frame: Frame,
  p: {
    readonly people: readonly ShownPerson[]
    readonly search: string
    readonly next?: string
    readonly done?: string
    readonly mayCreate: boolean
  },
): string =>
  consolePage(frame, {
    title: 'People',
    path: '/people',
    main: html`${note(p.done, undefined)}
<form class="filters" method="get" action="/people" role="search">
<div><label for="search">Name, username, email or sub</label><input id="search" name="search" value="${p.search}"></div>
<button type="submit">Search</button>
${p.mayCreate && html`<a class="button primary" href="/new-person">New account</a>`}
</form>
${table({
  caption: 'People who can sign in',
  heads: ['Username', 'Name', 'Email', 'From', 'At the console', 'State'],
  none:
    p.next === undefined
      ? 'Nobody is like that.'
      : 'Nobody among those looked through; go further.',
  rows: p.people.map((person) => [
    html`<a href="${placeOfPerson(person.sub)}">${foreign(person.username)}</a>`,
    foreign(person.name ?? ''),
    foreign(person.email ?? ''),
    person.source === 'file' ? 'the file' : 'an operator',
    person.admin === undefined
      ? html`<span class="soft">nothing</span>`
      : tag(person.admin, 'care'),
    person.disabled ? tag('disabled', 'bad') : tag('active'),
  ]),
})}
${goOn('/people', { search: p.search }, p.next)}`,
  })

type May = { readonly end: boolean; readonly own: boolean }

export const personPage = (
  frame: Frame,
  p: {
    readonly person: ShownPerson
    readonly etag: string
    readonly sessions: readonly ShownSession[]
    readonly grants: readonly ShownGrant[]
    /** There are more grants than these. */
    readonly more: boolean
    readonly may: May
    readonly done?: string
    readonly problem?: string
  },
): string => {
  const { person, may } = p
  const at = placeOfPerson(person.sub)
  const isOurs = person.source === 'operator'
  return consolePage(frame, {
    title: person.name ?? person.username,
    path: '/people',
    main: html`${note(p.done, p.problem)}
<div class="panel">${factsOf(person)}</div>
<p class="actions"><a class="button" href="${addressOf('/grants', { sub: person.sub })}">What they gave access to</a>
<a class="button" href="${addressOf('/audit', { sub: person.sub })}">What happened</a>
${may.own && isOurs && html`<a class="button" href="${at}/edit">Change</a>`}</p>
<h2>Signed in</h2>
${sessionsTable(p.sessions, { at, csrf: frame.csrf, may: may.end })}
<h2>What they gave access to</h2>
${grantsTable(p.grants, {
  caption: p.more ? 'The oldest of what they gave' : 'All that they gave',
  none: 'Nothing that is still good.',
  end: may.end ? { csrf: frame.csrf, fields: { sub: person.sub, back: 'person' } } : undefined,
  by: 'client',
})}
${p.more && html`<p><a href="${addressOf('/grants', { sub: person.sub })}">All of it</a></p>`}
${may.end && html`<h2>Change</h2>${standing(person, at, frame.csrf)}`}
${may.own && password(at, frame.csrf, person.username)}
${may.own && isOurs && removal(at, frame.csrf, p.etag)}`,
  })
}

const factsOf = (person: ShownPerson): Html =>
  facts([
    ['Username', foreign(person.username)],
    ['sub', html`<code>${foreign(person.sub)}</code>`],
    person.name === undefined ? undefined : ['Name', foreign(person.name)],
    person.email === undefined ? undefined : ['Email', foreign(person.email)],
    [
      'From',
      person.line === undefined
        ? 'an operator'
        : `the configuration file, line ${person.line}: changed there`,
    ],
    person.disabled && [
      'Disabled',
      html`${person.disabled.at === 0 ? 'in the file' : when(person.disabled.at)}: ${foreign(person.disabled.reason, 200)}`,
    ],
    ['May give', person.scope === undefined ? 'every scope' : scopes(person.scope)],
    ['At the console', person.admin ?? 'nothing'],
    person.created > 0 ? ['Since', when(person.created)] : undefined,
  ])

const scopes = (scope: string): Html =>
  scope === '' ? html`nothing` : html`${scope.split(' ').map((one) => tag(one))}`

const sessionsTable = (
  sessions: readonly ShownSession[],
  p: { readonly at: string; readonly csrf: string; readonly may: boolean },
): Html => html`${table({
  caption: 'Where they are signed in now (times in UTC)',
  heads: ['Since', 'Last used', 'At', 'Address', 'Browser', ...(p.may ? ['End'] : [])],
  none: 'Nowhere.',
  rows: sessions.map((session) => [
    when(session.auth_time),
    when(session.used),
    session.ofConsole ? tag('this console', 'care') : 'applications',
    foreign(session.remote ?? ''),
    foreign(session.agent ?? ''),
    ...(p.may
      ? [
          button({
            action: `${p.at}/end-session`,
            csrf: p.csrf,
            label: 'Sign out',
            named: `session of ${new Date(session.auth_time * 1000).toISOString().slice(0, 16)}`,
            fields: { session: session.id },
          }),
        ]
      : []),
  ]),
})}
${
  p.may &&
  sessions.length > 0 &&
  html`<div class="actions">${button({ action: `${p.at}/end-sessions`, csrf: p.csrf, label: 'Sign out everywhere', tone: 'danger' })}</div>`
}`

const standing = (person: ShownPerson, at: string, csrf: string): Html => {
  if (person.disabled?.at === 0)
    return html`<p class="soft">The configuration file disables this account.</p>`
  if (person.disabled !== undefined)
    return html`<div class="actions">${button({ action: `${at}/enable`, csrf, label: 'Enable' })}</div>`
  return html`<details class="panel"><summary>Disable</summary>
<p>They can sign in nowhere, and everything that they gave ends, for good.</p>
<form class="stack" method="post" action="${at}/disable">${hidden({ csrf })}
<label for="reason">Reason, for the audit trail</label><input id="reason" name="reason" required maxlength="200">
<button class="danger" type="submit">Disable</button></form></details>`
}

const password = (
  at: string,
  csrf: string,
  username: string,
): Html => html`<details class="panel"><summary>Set a password</summary>
<p>Every session of theirs, and what was given under the former password, ends.</p>
<form class="stack" method="post" action="${at}/password">${hidden({ csrf })}
<input hidden autocomplete="username" readonly value="${username}">
<label for="password">New password</label>
<input id="password" name="password" type="password" required minlength="8" maxlength="1024" autocomplete="new-password" aria-describedby="password-hint">
<p class="hint" id="password-hint">8 characters or more. It is hashed here and shown nowhere.</p>
<button class="danger" type="submit">Set it</button></form></details>`

const removal = (at: string, csrf: string, etag: string): Html =>
  html`<details class="panel"><summary>Delete</summary>
<p>Everything that they gave ends at once. This cannot be taken back.</p>
${button({ action: `${at}/delete`, csrf, label: 'Delete for good', tone: 'danger', fields: { etag } })}</details>`

export const placeOfPerson = (sub: string): string => `/people/${encodeURIComponent(sub)}`
