import type Router from '@koa/router'
import { auditPages } from './audit.ts'
import { clientPages } from './clients.ts'
import { configurationPages } from './configuration.ts'
import type { ConsoleRoom } from './console.ts'
import { grantPages } from './grants.ts'
import { overviewPages } from './overview.ts'
import { peoplePages } from './people.ts'
import { refusalPages } from './refusals.ts'
import { routePages } from './routes.ts'
import { scopePages } from './scopes.ts'
import { signInPages } from './sign-in.ts'
import { tryPages } from './try.ts'

/** Every page of the console, and what its forms ask for. */
export const pages = (router: Router, room: ConsoleRoom): void => {
  for (const add of PAGES) add(router, room)
}

const PAGES = [
  ...[signInPages, overviewPages, clientPages, tryPages, peoplePages, grantPages],
  ...[scopePages, routePages, refusalPages, auditPages, configurationPages],
]
