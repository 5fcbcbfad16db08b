import type { Html } from './html.ts'
import { html } from './html.ts'

/** The hidden fields of a form, exactly as given. */
export const hiddenFields = (fields: Readonly<Record<string, string>>): readonly Html[] =>
  Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )

/** What went wrong, read out as soon as the page is there. */
export const problemNote = (problem: string | undefined): Html =>
  problem === undefined ? html`` : html`<p class="problem" role="alert" id="problem">${problem}</p>`
