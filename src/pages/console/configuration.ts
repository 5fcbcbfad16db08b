import { html } from '../html.ts'
import { consolePage, type Frame } from './frame.ts'
import { when } from './parts.ts'

export type DiffLine = { readonly kind: 'same' | 'added' | 'removed'; readonly text: string }

export const configurationPage = (
  frame: Frame,
  p: {
    readonly file: string
    readonly since: number
    readonly problems: readonly string[]
    readonly text: string
    /** Between the one before and the one in force; undefined: it is the first since the start. */
    readonly difference?: readonly DiffLine[]
  },
): string =>
  consolePage(frame, {
    title: 'Configuration',
    path: '/configuration',
    main: html`<p>In force since ${when(p.since)}, from <code>${p.file}</code>. Secrets are left out; durations are seconds, sizes bytes.</p>
${
  p.problems.length > 0 &&
  html`<section class="problem" role="alert"><h2>The file as it stands now is not in force</h2>
<ul>${p.problems.map((problem) => html`<li><code>${problem}</code></li>`)}</ul></section>`
}
<h2>What changed last</h2>
${
  p.difference === undefined
    ? html`<p class="soft">Nothing since the start.</p>`
    : html`<pre tabindex="0">${p.difference.map(
        ({ kind, text }) => html`<span class="${kind}">${SIGNS[kind]} ${text}</span>\n`,
      )}</pre>`
}
<h2>All of it</h2>
<pre tabindex="0">${p.text}</pre>`,
  })

const SIGNS = { same: ' ', added: '+', removed: '-' } as const
