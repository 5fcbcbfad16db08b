import type Router from '@koa/router'
import { type ClientForm, clientFormPage } from '../../pages/console/client-form.ts'
import { placeOf } from '../../pages/console/clients.ts'
import { createClient, replaceClient } from '../client-changes.ts'
import { etagOf } from '../shown-client.ts'
import { showClient } from './clients.ts'
import type { ConsoleRoom, PageContext } from './console.ts'
import { failurePage } from './failure.ts'
import { formParts, type ShownForm } from './form-parts.ts'
import { action, callOf, page, seeOther } from './forms.ts'
import { outcomeOf } from './outcome.ts'
import { changedClient, EMPTY, formIn, formOf, newClient } from './posted-client.ts'
import { lacksScope, NO_SCOPE } from './scope-choice.ts'
import { frameOf } from './shown-frame.ts'

/** The form that makes a client, and the one that changes it. */
export const addClientForms = (router: Router, room: ConsoleRoom): void => {
  router.get(
    '/new-client',
    page(room, 'operator', (ctx) => showForm(ctx, room, { form: EMPTY })),
  )
  router.post(
    '/new-client',
    action(room, 'operator', async (ctx, posted) => {
      const form = formIn(posted)
      const outcome = lacksScope(form)
        ? NO_SCOPE
        : outcomeOf(await createClient(newClient(form), ctx.state.visitor, room))
      if (!outcome.done) return showForm(ctx, room, { form, outcome })
      const { client_secret } = outcome.body
      await showClient(ctx, room, String(outcome.body.client_id), {
        done: 'The client is there, and may ask for tokens from now on.',
        ...(typeof client_secret === 'string' && { secret: client_secret }),
      })
    }),
  )
  router.get(
    '/clients/:client_id/edit',
    page(room, 'operator', async (ctx) => {
      const known = await room.stores.clients.read(ctx.params.client_id ?? '')
      if (known === undefined || known.client.source === 'file') return failurePage(ctx, room, 404)
      showForm(ctx, room, { form: formOf(known.client), etag: etagOf(known) })
    }),
  )
  router.post(
    '/clients/:client_id/edit',
    action(room, 'operator', async (ctx, posted) => {
      const client_id = ctx.params.client_id ?? ''
      const known = await room.stores.clients.read(client_id)
      if (known === undefined) return failurePage(ctx, room, 404)
      const form = { ...formIn(posted), client_id, kind: formOf(known.client).kind }
      const etag = posted.get('etag') ?? ''
      const call = { ...callOf(ctx, changedClient(form, known)), ifMatch: etag }
      const outcome = lacksScope(form) ? NO_SCOPE : outcomeOf(await replaceClient(call, room))
      if (!outcome.done) return showForm(ctx, room, { form, outcome, etag })
      seeOther(ctx, placeOf(client_id))
    }),
  )
}

const showForm = (ctx: PageContext, room: ConsoleRoom, shown: ShownForm<ClientForm>): void => {
  const client_id = ctx.params.client_id
  ctx.body = clientFormPage(frameOf(ctx, room), {
    title: client_id === undefined ? 'New client' : `Change ${client_id}`,
    action: client_id === undefined ? '/new-client' : `${placeOf(client_id)}/edit`,
    ...formParts(ctx, room, shown),
  })
}
