import type { Html } from './html.ts'
import { html, markup } from './html.ts'
import { gate, mark } from './mark.ts'
import { stylesheet } from './stylesheet.ts'

/** A whole document around `main`. `gate`: raised where a person may pass, lowered where the way is shut. */
export const page = (p: {
  readonly title: string
  readonly main: Html
  readonly gate?: 'raised' | 'lowered'
}): string =>
  document({
    title: p.title,
    body: html`<div class="panel">
<header class="lintel">${mark}<span class="word">Portcullis</span></header>
${gate(p.gate === 'lowered' ? 112 : 32)}
<main>
${p.main}
</main>
</div>`,
  })

/** The frame of every document: language, viewport, style. `script` is of our own and allowed by its hash. */
export const document = (p: {
  readonly title: string
  readonly body: Html
  readonly script?: string
}): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${p.title} · Portcullis</title>
<style>${markup(stylesheet)}</style>
</head>
<body>
${p.body}
${p.script !== undefined && markup(`<script type="module">${p.script}</script>`)}
</body>
</html>
`.markup
