import { displayed } from './displayed.ts'
import { html } from './html.ts'
import { page } from './page.ts'

/** What happened, what to do about it, and the id by which support finds the request. */
export const errorPage = (p: {
  readonly status: number
  readonly title: string
  readonly message: string
  readonly remedy?: string
  readonly requestId: string
}): string =>
  page({
    title: displayed(p.title),
    gate: 'lowered',
    main: html`<h1>${displayed(p.title)}</h1>
<p>${displayed(p.message, 400)}</p>
${
  p.remedy !== undefined &&
  html`<section class="remedy" aria-labelledby="remedy">
<h2 id="remedy">What you can do</h2>
<p>${displayed(p.remedy, 400)}</p>
</section>`
}
<p class="trace">Error ${p.status}. If you ask for help, give this number: <code>${displayed(p.requestId)}</code></p>`,
  })
