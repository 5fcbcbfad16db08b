import { html } from './html.ts'
import { page } from './page.ts'

/** Said once the session has ended. `signIn`: where to begin again. */
export const signedOutPage = (p: { readonly signIn?: string } = {}): string =>
  page({
    title: 'Signed out',
    main: html`<h1>You are signed out</h1>
<p>Applications keep the access that you gave them.</p>
${p.signIn !== undefined && html`<p><a href="${p.signIn}">Sign in again</a></p>`}`,
  })
