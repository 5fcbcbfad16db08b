import type { Html } from './html.ts'
import { html, markup } from './html.ts'
import { stylesheet } from './stylesheet.ts'

/** A whole document around `main`. */
export const page = (p: { readonly title: string; readonly main: Html }): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${p.title}</title>
<style>${markup(stylesheet)}</style>
</head>
<body>
<main>
${p.main}
</main>
</body>
</html>
`.markup
