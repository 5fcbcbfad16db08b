import type Router from '@koa/router'
import * as z from 'zod/mini'
import { explanationText } from '../../cli/explanation-text.ts'
import { type AskedQuestion, routesPage } from '../../pages/console/routes.ts'
import { asQuestion, request } from '../explain.ts'
import { flawsOf } from '../flaws.ts'
import { liveRoutes } from '../routes.ts'
import type { ConsoleRoom, PageContext } from './console.ts'
import { action, page } from './forms.ts'
import { queryOf } from './query.ts'
import { frameOf } from './shown-frame.ts'

export const routePages = (router: Router, room: ConsoleRoom): void => {
  router.get(
    '/routes',
    page(room, 'viewer', (ctx) => show(ctx, room, { asked: askedIn(ctx) })),
  )
  router.post(
    '/routes',
    action(room, 'viewer', async (ctx, form) => {
      const asked = {
        method: (form.get('method') ?? '').trim().toUpperCase(),
        url: (form.get('url') ?? '').trim(),
        headers: form.get('headers') ?? '',
      }
      const token = (form.get('token') ?? '').trim().replace(/^bearer +/i, '')
      await show(ctx, room, { asked, ...(await explained(asked, token, room)) })
    }),
  )
}

/** What a link to the form fills in; nothing is asked before it is sent. */
const askedIn = (ctx: PageContext): AskedQuestion => {
  const text = queryOf(ctx)
  return { method: text('method') || 'GET', url: text('url'), headers: '' }
}

type Said = {
  readonly asked: AskedQuestion
  readonly explanation?: string
  readonly problem?: string
}

const show = async (ctx: PageContext, room: ConsoleRoom, said: Said): Promise<void> => {
  if (said.problem !== undefined) ctx.status = 400
  ctx.body = routesPage(frameOf(ctx, room), { routes: await liveRoutes(room), ...said })
}

const explained = async (
  { method, url, headers }: AskedQuestion,
  token: string,
  room: ConsoleRoom,
): Promise<Omit<Said, 'asked'>> => {
  const asked = { method, url, headers: fieldsIn(headers), ...(token !== '' && { token }) }
  const judged = z.safeParse(request, asked)
  if (judged.success)
    return { explanation: explanationText(await room.explain(asQuestion(judged.data))) }
  const [first] = flawsOf(judged.error.issues)
  return {
    problem: `${first?.pointer.slice(1) ?? 'It'} ${first?.detail ?? 'is not as it should be'}`,
  }
}

const fieldsIn = (text: string): readonly (readonly [string, string])[] =>
  text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const colon = line.indexOf(':')
      return colon < 0
        ? [line.trim(), '']
        : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]
    })
