import { displayed } from '../displayed.ts'
import { type Html, html } from '../html.ts'
import { mark } from '../mark.ts'
import { foreign } from './parts.ts'

/** Who looks at the console, and what every page of it needs. */
export type Frame = {
  readonly person: { readonly name: string; readonly role: string }
  /** For forms of the page. */
  readonly csrf: string
  readonly assets: { readonly style: string; readonly script: string; readonly icon: string }
  /** What must not be overlooked, on every page. */
  readonly warnings: readonly string[]
}

/** A page of the console. `path` is its place in the navigation. */
export const consolePage = (
  frame: Frame,
  p: { readonly title: string; readonly path: string; readonly main: Html },
): string =>
  shell(
    frame.assets,
    p.title,
    html`<a class="skip" href="#main">Skip to the content</a>
<header class="bar"><a class="home" href="/">${mark}<span class="word">Portcullis</span></a>
<nav aria-label="Console"><ul>${PLACES.map(
      ([path, name]) => html`<li><a href="${path}"${path === p.path && CURRENT}>${name}</a></li>`,
    )}</ul></nav>
<form class="who" method="post" action="/sign-out"><input type="hidden" name="csrf" value="${frame.csrf}">
<span>${foreign(frame.person.name, 40)} <small>${frame.person.role}</small></span>
<button type="submit">Sign out</button></form></header>
${frame.warnings.map((warning) => html`<p class="warning" role="alert">${warning}</p>`)}
<main id="main" tabindex="-1"><h1>${foreign(p.title)}</h1>
${p.main}</main>`,
  )

/** A page that nobody has to have signed in for. */
export const openPage = (
  assets: Frame['assets'],
  p: { readonly title: string; readonly main: Html; readonly warnings: readonly string[] },
): string =>
  shell(
    assets,
    p.title,
    html`<header class="bar"><span class="home">${mark}<span class="word">Portcullis</span></span></header>
${p.warnings.map((warning) => html`<p class="warning" role="alert">${warning}</p>`)}
<main id="main" class="narrow"><h1>${foreign(p.title)}</h1>
${p.main}</main>`,
  )

const shell = (assets: Frame['assets'], title: string, body: Html): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<meta name="htmx-config" content="${HTMX}">
<title>${displayed(title)} · Portcullis console</title>
<link rel="icon" type="image/svg+xml" href="${assets.icon}">
<link rel="stylesheet" href="${assets.style}">
<script src="${assets.script}" defer></script>
</head>
<body>
${body}
</body>
</html>
`.markup

/** Nothing that the policy of the page forbids: no eval, no styles of its own, no requests to anywhere else. */
const HTMX = JSON.stringify({
  allowEval: false,
  allowScriptTags: false,
  includeIndicatorStyles: false,
  selfRequestsOnly: true,
  historyCacheSize: 0,
})

const CURRENT = html` aria-current="page"`

const PLACES = [
  ['/', 'Overview'],
  ['/clients', 'Clients'],
  ['/people', 'People'],
  ['/grants', 'Grants'],
  ['/scopes', 'Scopes'],
  ['/routes', 'Routes'],
  ['/refusals', 'Refusals'],
  ['/audit', 'Audit'],
  ['/configuration', 'Configuration'],
] as const
