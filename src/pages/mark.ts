import type { Html } from './html.ts'
import { html, markup } from './html.ts'

const SHAPE =
  '<path fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" d="M3 22.5V11a9 9 0 0 1 18 0v11.5"/>' +
  '<path fill="currentColor" d="M3 8h18v1.5H3zM3 12.5h18V14H3z' +
  'M6.75 4.5h1.5V15l-.75 4.5L6.75 15zM11.25 2.5h1.5V15L12 19.5 11.25 15zM15.75 4.5h1.5V15l-.75 4.5-.75-4.5z"/>'

/** The mark: a portcullis half raised in its arch. Drawn in the colour of the text around it. */
export const mark: Html = markup(
  `<svg class="mark" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false">${SHAPE}</svg>`,
)

/** The same as a picture of its own, in a colour that shows on light and on dark. */
export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" color="#2f8f80">${SHAPE}</svg>`

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
