import type Router from '@koa/router'
import { clientPage, clientsPage, type DetailedClient } from '../../pages/console/clients.ts'
import {
  answerWith,
  deleteClient,
  disableClient,
  enableClient,
  rotateSecret,
} from '../client-changes.ts'
import { listClients } from '../client-list.ts'
import { mayDo } from '../principal.ts'
import { shownClient } from '../shown-client.ts'
import { addClientForms } from './client-form.ts'
import type { ConsoleRoom, PageContext } from './console.ts'
import { failurePage } from './failure.ts'
import { action, callOf, page, seeOther } from './forms.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import { queryOf } from './query.ts'
import { frameOf } from './shown-frame.ts'

export const clientPages = (router: Router, room: ConsoleRoom): void => {
  router.get(
    '/clients',
    page(room, 'viewer', (ctx) => showList(ctx, room)),
  )
  addClientForms(router, room)
  router.get(
    '/clients/:client_id',
    page(room, 'viewer', (ctx) => showClient(ctx, room, ctx.params.client_id ?? '', {})),
  )
  router.post(
    '/clients/:client_id/secret',
    action(room, 'operator', async (ctx, form) => {
      const overlap = Math.min(2_592_000, Math.max(0, Number(form.get('overlap')) || 0))
      const outcome = outcomeOf(await rotateSecret(callOf(ctx, { overlap }), room))
      const secret = outcome.done ? { secret: String(outcome.body.client_secret) } : {}
      await showOutcome(ctx, room, outcome, secret)
    }),
  )
  router.post(
    '/clients/:client_id/disable',
    action(room, 'operator', async (ctx, form) => {
      const reason = (form.get('reason') ?? '').trim().slice(0, 200) || 'no reason given'
      await showOutcome(ctx, room, outcomeOf(await disableClient(callOf(ctx, { reason }), room)))
    }),
  )
  router.post(
    '/clients/:client_id/enable',
    action(room, 'operator', async (ctx) => {
      await showOutcome(ctx, room, outcomeOf(await enableClient(callOf(ctx, undefined), room)))
    }),
  )
  router.post(
    '/clients/:client_id/delete',
    action(room, 'owner', async (ctx, form) => {
      const call = { ...callOf(ctx, undefined), ifMatch: form.get('etag') ?? '' }
      const outcome = outcomeOf(await deleteClient(call, room))
      if (!outcome.done) return showOutcome(ctx, room, outcome)
      seeOther(ctx, '/clients?done=deleted')
    }),
  )
}

const showList = async (ctx: PageContext, room: ConsoleRoom): Promise<void> => {
  const given = queryOf(ctx)
  const [search, source, cursor] = [given('search'), given('source'), given('cursor')]
  const found = await lookFor(
    {
      limit: 50,
      ...(search !== '' && { search }),
      ...(source !== '' && { source }),
      ...(cursor !== '' && { cursor }),
    },
    room,
  )
  ctx.body = clientsPage(frameOf(ctx, room), {
    clients: found.items,
    query: { search, source },
    mayCreate: mayDo(ctx.state.visitor, 'operator'),
    ...(found.next !== undefined && { next: found.next }),
    ...(given('done') === 'deleted' && {
      done: 'The client is gone, and everything that it was given has ended.',
    }),
  })
}

/**
 * Who is named by id is found at once, wherever it stands in the list; by a part of the name, so many are looked through as
 * a page may take time for.
 */
const lookFor = async (query: Parameters<typeof listClients>[0], room: ConsoleRoom) => {
  let found = await listClients(query, room)
  for (let looks = 1; looks < LOOKS && found.items.length === 0 && found.next; looks += 1)
    found = await listClients({ ...query, cursor: found.next }, room)
  const named =
    query.search && !query.cursor ? await room.stores.clients.read(query.search) : undefined
  if (named === undefined || found.items.some(({ client_id }) => client_id === query.search))
    return found
  const line = room.config().lines.clients.get(named.client.client_id)
  return { ...found, items: [shownClient(named, line), ...found.items] }
}

/** Each of some 2000 clients. */
const LOOKS = 8

type Said = { readonly done?: string; readonly problem?: string; readonly secret?: string }

const showOutcome = (
  ctx: PageContext,
  room: ConsoleRoom,
  outcome: Outcome,
  said: Said = {},
): Promise<void> => {
  ctx.status = outcome.done ? 200 : outcome.status
  return showClient(
    ctx,
    room,
    ctx.params.client_id ?? '',
    outcome.done ? { done: 'Done.', ...said } : { problem: outcome.problem },
  )
}

export const showClient = async (
  ctx: PageContext,
  room: ConsoleRoom,
  client_id: string,
  said: Said,
): Promise<void> => {
  const answer = answerWith(await room.stores.clients.read(client_id), room)
  const outcome = outcomeOf(answer)
  if (!outcome.done) return failurePage(ctx, room, 404)
  const { visitor } = ctx.state
  ctx.body = clientPage(frameOf(ctx, room), {
    // Made by shownClient.
    client: outcome.body as unknown as DetailedClient,
    etag: answer.headers?.ETag ?? '',
    may: { change: mayDo(visitor, 'operator'), remove: mayDo(visitor, 'owner') },
    ...said,
  })
}
