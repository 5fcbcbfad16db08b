import { exchangePanes, type ShownExchange } from '../exchange.ts'
import { type Html, html } from '../html.ts'
import type { ShownSecret } from '../shown-secrets.ts'
import { consolePage, type Frame } from './frame.ts'
import { field, foreign, hidden, note, tag } from './parts.ts'

export type ShownHop = {
  readonly title: string
  readonly note: string
  readonly good: boolean
  readonly exchange?: ShownExchange
  /** What stands in it in place of secrets. */
  readonly masks: readonly ShownSecret[]
}

type Way = {
  readonly at: string
  readonly csrf: string
  readonly scope: string
  readonly redirect_uris: readonly string[]
  /** It has a secret, which is asked for. */
  readonly secret: boolean
}

export const tryPage = (
  frame: Frame,
  p: {
    readonly client_id: string
    readonly at: string
    readonly ways: {
      readonly code: boolean
      readonly credentials: boolean
      readonly secret: boolean
      readonly hasKey: boolean
    }
    readonly redirect_uris: readonly string[]
    readonly scope: string
    /** Paths of routes, to choose from. */
    readonly calls: readonly string[]
    readonly begun?: { readonly url: string; readonly sealed: string }
    readonly hops?: readonly ShownHop[]
    readonly problem?: string
  },
): string => {
  const way: Way = { ...p, csrf: frame.csrf, secret: p.ways.secret }
  return consolePage(frame, {
    title: `Try ${p.client_id}`,
    path: '/clients',
    main: html`${note(undefined, p.problem)}
<p>Runs its flow against this gateway and shows every request. Tokens are given back at the end; the secret is used for this run alone, and kept nowhere.</p>
${p.hops && hopsOf(p.hops)}
<datalist id="calls">${[...new Set(p.calls)].map((path) => html`<option value="${path}"></option>`)}</datalist>
${p.begun ? goingOn(p.begun, way) : p.ways.code && beginning(way)}
${!p.begun && p.ways.credentials && machine(way)}
${
  !p.ways.code &&
  !p.ways.credentials &&
  html`<p class="panel">${p.ways.hasKey ? OWN_KEY : OTHER_WAY}</p>`
}`,
  })
}

const OWN_KEY =
  'It authenticates with a key that only it has: it can be tried from where the key is.'
const OTHER_WAY =
  'It has no flow that can be run from here. A device can be tried on the command line: portcullis token --device.'

const hopsOf = (hops: readonly ShownHop[]): Html =>
  html`<section aria-labelledby="hops" class="hops"><h2 id="hops">What went over the wire</h2>
<ol>${hops.map(
    (
      hop,
      at,
    ) => html`<li><h3>${hop.title} ${hop.good ? tag('as it should be') : tag('failed', 'bad')}</h3>
<p>${foreign(hop.note, 400)}</p>
${hop.exchange && exchangePanes(hop.exchange, hop.masks, `hop-${at + 1}`)}</li>`,
  )}</ol></section>`

const beginning = (way: Way): Html => html`<section class="panel" aria-labelledby="code">
<h2 id="code">With a person (authorization code, PKCE)</h2>
<form class="stack" method="post" action="${way.at}/begin">${hidden({ csrf: way.csrf })}
<label for="redirect_uri">Redirect URI</label><select id="redirect_uri" name="redirect_uri">${way.redirect_uris.map(
  (uri) => html`<option>${uri}</option>`,
)}</select>
${field({ name: 'scope', label: 'Scope', value: way.scope })}
<button class="primary" type="submit">Make the authorization request</button></form></section>`

const goingOn = (
  begun: { readonly url: string; readonly sealed: string },
  way: Way,
): Html => html`<section class="panel" aria-labelledby="open">
<h2 id="open">1. Sign in and allow it</h2>
<p><a class="button" href="${begun.url}" target="_blank" rel="noopener noreferrer">Open the authorization request in a new tab</a></p>
<p>The browser is then sent to the redirect URI. The application there does not know this request, and may say so; nobody may listen there at all. Copy the whole address from the address bar.</p>
<details><summary>The request</summary><pre tabindex="0" aria-label="The authorization request">${begun.url}</pre></details>
<h2>2. Go on with the answer</h2>
<form class="stack" method="post" action="${way.at}/code">${hidden({ csrf: way.csrf, sealed: begun.sealed })}
${field({ name: 'pasted', label: 'The address that the browser was sent to', required: true })}
${rest(way, 'code')}
<button class="primary" type="submit">Run the rest</button></form></section>`

const machine = (way: Way): Html => html`<section class="panel" aria-labelledby="credentials">
<h2 id="credentials">For itself (client credentials)</h2>
<form class="stack" method="post" action="${way.at}/credentials">${hidden({ csrf: way.csrf })}
<label for="machine-scope">Scope</label><input id="machine-scope" name="scope" value="${way.scope}" spellcheck="false" autocomplete="off">
${rest(way, 'credentials')}
<button class="primary" type="submit">Run it</button></form></section>`

const rest = ({ secret }: Way, id: string): Html => html`${
  secret &&
  html`<label for="${id}-secret">Its secret</label>
<input id="${id}-secret" name="secret" type="password" required autocomplete="off" maxlength="1024">`
}
<label for="${id}-api">Call this route with the token (GET), if anything</label>
<input id="${id}-api" name="api" list="calls" autocomplete="off" spellcheck="false" placeholder="/path">`
