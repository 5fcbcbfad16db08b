import type Koa from 'koa'

import { invalidRequest } from './errors.ts'
import type { Room } from './room.ts'

/** What was begun in a browser travels sealed, and goes on in that browser alone, for a while. */
export type Begun = {
  /** Seconds since the epoch. */
  readonly created: number
  /** Tag of the browser's cookie. */
  readonly browser: string
}

/** The tag of this browser's cookie, which it gets now if it has none. */
export const bindBrowser = (ctx: Koa.Context, room: Pick<Room, 'stores' | 'cookies'>): string =>
  room.stores.secrets.tag('browser', [browserCookie(ctx, room)])

/** This browser's cookie, which it gets now if it has none. */
export const browserCookie = (
  ctx: Koa.Context,
  { stores, cookies }: Pick<Room, 'stores' | 'cookies'>,
): string => {
  const { secrets } = stores
  const known = cookies.browser.read(ctx.req)
  if (known !== undefined && secrets.minted('browser', known)) return known
  const browser = secrets.mint('browser')
  cookies.browser.write(ctx.res, browser)
  return browser
}

/** Throws `invalid_request` half an hour after it was begun, and in every other browser. */
export const checkBegun = (
  ctx: Koa.Context,
  { created, browser }: Begun,
  { stores, cookies, clock }: Pick<Room, 'stores' | 'cookies' | 'clock'>,
): void => {
  if (clock() > created + LONGEST_PENDING) throw invalidRequest('this sign-in took too long')
  if (!stores.secrets.verifyTag('browser', [cookies.browser.read(ctx.req) ?? ''], browser)) {
    throw invalidRequest('this sign-in was begun in another browser, or cookies are not accepted')
  }
}

/** Seconds that a person has to sign in and decide. */
export const LONGEST_PENDING = 1800
