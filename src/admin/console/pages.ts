import type Router from '@koa/router'
import { clientPages } from './clients.ts'
import type { ConsoleRoom } from './console.ts'
import { overviewPages } from './overview.ts'
import { signInPages } from './sign-in.ts'

/** Every page of the console, and what its forms ask for. */
export const pages = (router: Router, room: ConsoleRoom): void => {
  for (const add of [signInPages, overviewPages, clientPages]) add(router, room)
}
