import type { ConsoleRoom, PageContext } from './console.ts'
import type { Outcome } from './outcome.ts'

/** A form as it is shown: fresh, or again with what was wrong with it. */
export type ShownForm<Form> = {
  readonly form: Form
  readonly outcome?: Outcome
  /** Of what is changed; absent for something new. */
  readonly etag?: string
}

/** What every page with a form is given. Sets the status of the answer. */
export const formParts = <Form>(
  ctx: PageContext,
  room: ConsoleRoom,
  { form, outcome, etag }: ShownForm<Form>,
) => {
  const failed = outcome?.done === false ? outcome : undefined
  ctx.status = failed?.status ?? 200
  return {
    form,
    allScopes: Array.from(room.config().scopes, ([scope, description]) => ({ scope, description })),
    // `/redirect_uris/1` is told at the field of them all.
    flaws: new Map(
      failed?.flaws.map(({ pointer, detail }) => [pointer.split('/')[1] ?? '', detail]),
    ),
    ...(failed && { problem: failed.problem }),
    ...(etag !== undefined && { etag }),
  }
}
