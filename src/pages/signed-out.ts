import { html } from './html.ts'
import { page } from './page.ts'

/** Said once the session has ended. `signIn`: where to begin again. `everywhere`: with all others of the person. */
export const signedOutPage = (
  p: { readonly signIn?: string; readonly everywhere?: boolean } = {},
): string =>
  page({
    title: 'Signed out',
    gate: 'lowered',
    main: html`<h1>You are signed out${p.everywhere && ' everywhere'}</h1>
<p>${p.everywhere ? 'No browser knows you any more.' : 'This browser no longer knows you.'} Applications that you allowed keep their access.</p>
${p.signIn !== undefined && html`<p class="links"><a class="button" href="${p.signIn}">Sign in again</a></p>`}`,
  })
