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
    title: p.title,
    main: html`<h1>${displayed(p.title)}</h1>
<p>${displayed(p.message, 400)}</p>
${p.remedy !== undefined && html`<p>${displayed(p.remedy, 400)}</p>`}
<p>Error ${p.status} · request <code>${displayed(p.requestId)}</code></p>`,
  })
