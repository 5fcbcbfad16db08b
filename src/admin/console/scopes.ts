import type Router from '@koa/router'
import { scopesPage } from '../../pages/console/scopes.ts'
import type { Grant } from '../../store/grants.ts'
import { type LastUse, useNameOf } from '../../store/last-use.ts'
import { type Survey, surveyGrants } from '../grant-survey.ts'
import { listScopes } from '../scopes.ts'
import type { ConsoleRoom } from './console.ts'
import { page } from './forms.ts'
import { frameOf } from './shown-frame.ts'

/** Which scopes are granted, and which of them nobody has had a use for. */
export const scopePages = (router: Router, room: ConsoleRoom): void => {
  router.get(
    '/scopes',
    page(room, 'viewer', async (ctx) => {
      const [survey, { items, unrestricted, more }] = await Promise.all([
        surveyGrants(room),
        listScopes(room),
      ])
      const holdings = holdingsOf(survey)
      ctx.body = scopesPage(frameOf(ctx, room), {
        scopes: items.map(({ clients, ...shown }) => ({
          ...shown,
          clients: clients.length + unrestricted.length,
          ...counted(shown.scope, holdings),
        })),
        looked: { grants: survey.grants.length, clients: survey.clients, more: survey.more },
        moreClients: more,
      })
    }),
  )
}

/** What one grant of a person opens, or all that a client holds for itself, which is used as one. */
type Holding = { readonly scope: Set<string>; readonly use: LastUse | undefined }

const holdingsOf = ({ grants }: Survey): readonly Holding[] => {
  const all = new Map<string, Holding>()
  for (const { grant, use } of grants) {
    const name = useNameOf(grant)
    const holding = all.get(name) ?? { scope: new Set(), use }
    addScopes(holding, grant)
    all.set(name, holding)
  }
  return [...all.values()]
}

const addScopes = ({ scope }: Holding, grant: Pick<Grant, 'scope'>): void => {
  for (const name of grant.scope) scope.add(name)
}

/** `unknown`: it was used, but an earlier release did not write down with which scopes. */
const counted = (scope: string, holdings: readonly Holding[]) => {
  const having = holdings.filter((holding) => holding.scope.has(scope))
  const times = having.flatMap(({ use }) => use?.scopes.get(scope) ?? [])
  const unknown = having.filter(
    ({ use }) => use?.unscoped !== undefined && !use.scopes.has(scope),
  ).length
  const last = times.length === 0 ? {} : { last: Math.max(...times) }
  return { granted: having.length, used: times.length, unknown, ...last }
}
