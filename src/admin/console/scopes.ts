import type Router from '@koa/router'
import { scopesPage } from '../../pages/console/scopes.ts'
import { type Survey, surveyGrants } from '../grant-survey.ts'
import { isOwn } from '../grants.ts'
import { scopesOf } from '../scopes.ts'
import type { ConsoleRoom } from './console.ts'
import { page } from './forms.ts'
import { frameOf } from './shown-frame.ts'

/** Which scopes are granted, and which of them nobody has had a use for. */
export const scopePages = (router: Router, room: ConsoleRoom): void => {
  router.get(
    '/scopes',
    page(room, 'viewer', async (ctx) => {
      const survey = await surveyGrants(room)
      ctx.body = scopesPage(frameOf(ctx, room), {
        scopes: scopesOf(room.config()).map((scope) => ({ ...scope, ...counted(scope, survey) })),
        looked: survey.grants.length,
        more: survey.more,
      })
    }),
  )
}

/** What is known of a grant is the route of its last use, by its path; of what clients hold for themselves, nothing. */
const counted = (
  { scope, routes }: { readonly scope: string; readonly routes: readonly string[] },
  { grants }: Survey,
) => {
  const having = grants.filter(({ grant }) => !isOwn(grant) && grant.scope.includes(scope))
  const used = having.filter(({ use }) => use !== undefined && routes.includes(use.route))
  return { granted: having.length, used: used.length }
}
