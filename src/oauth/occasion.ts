import type Koa from 'koa'

import { mustSignIn, proceed } from './next-step.ts'
import type { Parameters } from './parameters.ts'
import { provenBy, type Resumed, resume } from './pending-request.ts'
import type { Room } from './room.ts'
import type { Person } from './session.ts'
import { leadTo, readVisit, type Visit, type VisitedPage } from './visit.ts'

/** What a person signs in for: a request of an application, or a page of ours. */
export type Occasion = {
  /** What of it stays with the form. */
  readonly hidden: Readonly<Record<string, string>>
  /** What the form is bound to: the browser, and this occasion. */
  readonly browser: string
  readonly id: string
  /** What the form calls it. */
  readonly shown: { readonly clientName: string } | { readonly purpose: string }
  readonly login_hint?: string | undefined
  /** Whether who sits there must give the password (again). */
  mustSignIn(person: Person): boolean
  /** Goes on; `proven`: who has just given the password for it. */
  goOn(person: Person, proven: boolean): Promise<void> | void
}

/** Throws `invalid_request` where there is none, or none of this browser. */
export const readOccasion = async (
  ctx: Koa.Context,
  parameters: Parameters,
  room: Room,
): Promise<Occasion> => {
  const sealed = parameters.get('visit')
  return sealed === undefined
    ? ofRequest(ctx, await resume(ctx, parameters, room), room)
    : ofVisit(ctx, sealed, readVisit(ctx, sealed, room), room)
}

const ofRequest = (ctx: Koa.Context, resumed: Resumed, room: Room): Occasion => {
  const { pending, client, sealed } = resumed
  return {
    hidden: { request: sealed },
    browser: pending.browser,
    id: pending.id,
    shown: { clientName: client.client_name ?? client.client_id },
    login_hint: pending.login_hint,
    mustSignIn: (person) => mustSignIn(pending, person),
    goOn: (person, proven) =>
      proceed(ctx, proven ? provenBy(resumed, person.account.sub, room) : resumed, person, room),
  }
}

const ofVisit = (ctx: Koa.Context, sealed: string, visit: Visit, room: Room): Occasion => ({
  hidden: { visit: sealed },
  browser: visit.browser,
  id: visit.id,
  shown: { purpose: PURPOSES[visit.page] },
  mustSignIn: () => false,
  goOn: () => leadTo(ctx, visit, room),
})

/** After "Sign in". */
const PURPOSES: Readonly<Record<VisitedPage, string>> = {
  device: 'to connect a device',
  apps: 'to see which applications have access',
  password: 'to change your password',
}
