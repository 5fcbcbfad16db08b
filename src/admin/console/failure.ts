import type Koa from 'koa'
import { openPage } from '../../pages/console/frame.ts'
import { html } from '../../pages/html.ts'
import type { Role } from '../principal.ts'
import type { ConsoleRoom } from './console.ts'

/** What could not be shown, and what to do. */
export const failurePage = (
  ctx: Koa.Context,
  room: ConsoleRoom,
  status: keyof typeof WORDS,
): void => show(ctx, room, status, WORDS[status])

/** A form that is not of this session, or of this browser. */
export const stalePage = (ctx: Koa.Context, room: ConsoleRoom): void =>
  show(ctx, room, 403, [
    'This form is not good any more',
    'It is from before you signed in, or was not sent from its page. Nothing was changed. Go back, reload the page, and try again.',
  ])

/** What takes another role than somebody has. */
export const roleMissingPage = (
  ctx: Koa.Context,
  room: ConsoleRoom,
  { has, needed }: { readonly has: Role; readonly needed: Role },
): void =>
  show(ctx, room, 403, [
    'Not yours to do',
    `This takes the role ${needed}, and yours is ${has}. An owner can give you another.`,
  ])

type Words = readonly [title: string, words: string]

const show = (ctx: Koa.Context, room: ConsoleRoom, status: number, [title, words]: Words): void => {
  ctx.status = status
  ctx.type = 'html'
  ctx.body = openPage(room.assets.addresses, {
    title,
    warnings: room.warnings(),
    main: html`<p>${words}</p><p><a href="/">To the overview</a></p>`,
  })
}

const WORDS = {
  404: ['Nothing here', 'The console has no such page, or what it showed is gone.'],
  408: ['That took too long', 'The form did not arrive whole. Go back, and send it again.'],
  413: ['Too much', 'A form may have 64 KiB. Nothing was changed.'],
  415: ['Not a form', 'Forms are sent as application/x-www-form-urlencoded, and not compressed.'],
  500: ['Our mistake', 'Something failed on our side. It has been logged.'],
  503: [
    'The store does not answer',
    'What the store knows cannot be shown or changed until it is back. Traffic, routes and the configuration can.',
  ],
} as const
