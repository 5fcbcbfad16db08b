import type Router from '@koa/router'
import { placeOfPerson } from '../../pages/console/people.ts'
import { type PersonForm, personFormPage } from '../../pages/console/person-form.ts'
import type { Account } from '../../store/accounts.ts'
import { type AccountPatch, changeAccount, createAccount } from '../account-changes.ts'
import { etagOfAccount } from '../shown-account.ts'
import type { ConsoleRoom, PageContext } from './console.ts'
import { failurePage } from './failure.ts'
import { formParts, type ShownForm } from './form-parts.ts'
import { action, callOf, page, seeOther } from './forms.ts'
import { outcomeOf } from './outcome.ts'
import { lacksScope, NO_SCOPE, scopesIn, scopesOfText, textOfScopes } from './scope-choice.ts'
import { frameOf } from './shown-frame.ts'

/** The form that makes an account, and the one that changes it. */
export const addPersonForms = (router: Router, room: ConsoleRoom): void => {
  router.get(
    '/new-person',
    page(room, 'owner', (ctx) => showForm(ctx, room, { form: EMPTY })),
  )
  router.post(
    '/new-person',
    action(room, 'owner', async (ctx, posted) => {
      const form = formIn(posted)
      const body = { ...givenOf(form), password: posted.get('password') ?? '' }
      const outcome = lacksScope(form)
        ? NO_SCOPE
        : outcomeOf(await createAccount(body, ctx.state.visitor, room))
      if (!outcome.done) return showForm(ctx, room, { form, outcome })
      seeOther(ctx, placeOfPerson(String(outcome.body.sub)))
    }),
  )
  router.get(
    '/people/:sub/edit',
    page(room, 'owner', async (ctx) => {
      const known = await room.stores.accounts.read(ctx.params.sub ?? '')
      if (known === undefined || known.source === 'file') return failurePage(ctx, room, 404)
      showForm(ctx, room, { form: formOf(known), etag: etagOfAccount(known) })
    }),
  )
  router.post(
    '/people/:sub/edit',
    action(room, 'owner', async (ctx, posted) => {
      const [form, etag] = [formIn(posted), posted.get('etag') ?? '']
      const call = { ...callOf(ctx, patchOf(form)), ifMatch: etag }
      const outcome = lacksScope(form) ? NO_SCOPE : outcomeOf(await changeAccount(call, room))
      if (!outcome.done) return showForm(ctx, room, { form, outcome, etag })
      seeOther(ctx, placeOfPerson(ctx.params.sub ?? ''))
    }),
  )
}

const showForm = (ctx: PageContext, room: ConsoleRoom, shown: ShownForm<PersonForm>): void => {
  const sub = ctx.params.sub
  ctx.body = personFormPage(frameOf(ctx, room), {
    title: sub === undefined ? 'New account' : `Change ${sub}`,
    action: sub === undefined ? '/new-person' : `${placeOfPerson(sub)}/edit`,
    ...formParts(ctx, room, shown),
  })
}

const EMPTY: PersonForm = {
  username: '',
  name: '',
  email: '',
  admin: '',
  scopes: new Set(),
  everyScope: true,
}

const formIn = (posted: URLSearchParams): PersonForm => {
  const text = (name: string) => (posted.get(name) ?? '').trim()
  return {
    username: text('username'),
    name: text('name'),
    email: text('email'),
    admin: text('admin'),
    ...scopesIn(posted),
  }
}

const formOf = (account: Account): PersonForm => ({
  username: account.username,
  name: account.name ?? '',
  email: account.email ?? '',
  admin: account.admin ?? '',
  ...scopesOfText(account.scope),
})

/** Null takes away what the account had. */
const patchOf = (form: PersonForm): AccountPatch => ({
  username: form.username,
  name: form.name || null,
  email: form.email || null,
  admin: form.admin || null,
  scope: textOfScopes(form) ?? null,
})

const givenOf = (form: PersonForm): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(patchOf(form)).filter(([, value]) => value !== null))
