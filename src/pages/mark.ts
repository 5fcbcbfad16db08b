import type { Html } from './html.ts'
import { html, markup } from './html.ts'

/** The mark: a portcullis half raised in its arch. Drawn in the colour of the text around it. */
export const mark: Html = markup(
  '<svg class="mark" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false">' +
    '<g fill="none" stroke="currentColor" stroke-width="1.7">' +
    '<path d="M2.9 22.5V11.1a9.1 9.1 0 0 1 18.2 0v11.4" stroke-linecap="round"/>' +
    '<path d="M7.4 4.2v11M12 2.2v13M16.6 4.2v11M3 8.1h18M3 12.6h18"/></g>' +
    '<path fill="currentColor" d="M5.9 15h3l-1.5 4zM10.5 15h3L12 19zM15.1 15h3l-1.5 4z"/></svg>',
)

/**
 * The gate that hangs over a page: raised where a person may pass, lowered where not. `drop` is how far it hangs, in
 * pixels. Drawn by attributes alone, since the policy of the page allows no inline style.
 */
export const gate = (drop: number): Html => html`<svg class="gate" width="2400" height="${drop}" \
aria-hidden="true" focusable="false"><defs><pattern id="bars" width="24" height="${drop}" \
patternUnits="userSpaceOnUse"><g fill="currentColor"><path d="M9.75 0h4.5v${drop - 10}L12 ${drop}l-2.25-10z"/>\
${crossbars(drop)}</g></pattern></defs>\
<rect width="2400" height="${drop}" fill="url(#bars)"/></svg>`

const crossbars = (drop: number): readonly Html[] =>
  Array.from(
    { length: Math.floor((drop - 17) / 24) + 1 },
    (_, row) => html`<path d="M0 ${drop - 21 - row * 24}h24v3H0z"/>`,
  )
