import type Koa from 'koa'
import { openPage } from '../../pages/console/frame.ts'
import { html } from '../../pages/html.ts'
import type { ConsoleRoom } from './console.ts'

/** What could not be shown, and what to do. */
export const failurePage = (
  ctx: Koa.Context,
  room: ConsoleRoom,
  status: 403 | 404 | 500 | 503,
): void => {
  const [title, words] = WORDS[status]
  ctx.status = status
  ctx.type = 'html'
  ctx.body = openPage(room.assets.addresses, {
    title,
    warnings: room.warnings(),
    main: html`<p>${words}</p><p><a href="/">To the overview</a></p>`,
  })
}

const WORDS = {
  403: [
    'Not yours to do',
    'Your role does not reach so far, or the form was not sent from its page. Load the page again.',
  ],
  404: ['Nothing here', 'The console has no such page, or what it showed is gone.'],
  500: ['Our mistake', 'Something failed on our side. It has been logged.'],
  503: [
    'The store does not answer',
    'What the store knows cannot be shown or changed until it is back. Traffic, routes and the configuration can.',
  ],
} as const
