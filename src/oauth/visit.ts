import type Koa from 'koa'

import { type Begun, bindBrowser, checkBegun } from './browser-binding.ts'
import { sendOn } from './endpoint.ts'
import { invalidRequest } from './errors.ts'
import { endpointPath, type Room } from './room.ts'

/** A person on the way to a page of ours that has to know who comes: signing in leads there. */
export type Visit = Begun & {
  readonly v: 1
  readonly id: string
  readonly page: VisitedPage
  /** Of the page's address: '' or `?…`. */
  readonly query: string
}

/** Our pages that people sign in for, by the name of their endpoint. */
export type VisitedPage = 'device' | 'apps' | 'password'

type Visiting = Pick<Room, 'stores' | 'cookies' | 'clock' | 'config'>

/** Where a person signs in for a page, to come back to it in this browser. `again`: as somebody else, perhaps. */
export const signInPath = (
  ctx: Koa.Context,
  page: VisitedPage,
  query: string,
  room: Visiting,
  again = false,
): string => {
  const { stores, clock, config } = room
  const id = stores.secrets.id()
  const visit: Visit = {
    ...{ v: 1, id, page, query },
    ...{ created: clock(), browser: bindBrowser(ctx, room) },
  }
  const sealed = stores.secrets.seal('visit', visit)
  return `${endpointPath(config, 'login')}?visit=${sealed}${again ? '&prompt=login' : ''}`
}

/** Throws `invalid_request` for what is none, is too old, or was begun in another browser. */
export const readVisit = (ctx: Koa.Context, sealed: string, room: Visiting): Visit => {
  const visit = room.stores.secrets.open('visit', sealed)
  if (!isVisit(visit)) throw invalidRequest('this page needs a request of an application')
  checkBegun(ctx, visit, room)
  return visit
}

export const leadTo = (
  ctx: Koa.Context,
  { page, query }: Visit,
  { config }: Pick<Room, 'config'>,
): void => sendOn(ctx, endpointPath(config, page) + query)

const isVisit = (value: unknown): value is Visit =>
  typeof value === 'object' && value !== null && 'v' in value && value.v === 1
