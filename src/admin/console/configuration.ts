import type Router from '@koa/router'
import { configurationPage } from '../../pages/console/configuration.ts'
import { shownConfiguration } from '../configuration.ts'
import type { ConsoleRoom, PageContext } from './console.ts'
import { difference } from './difference.ts'
import { page } from './forms.ts'
import { frameOf } from './shown-frame.ts'

/** Remembers the configuration before the one in force, as it is shown: without secrets. */
export const configurationPages = (router: Router, room: ConsoleRoom): void => {
  let shown = { text: textOf(room), since: room.started }
  let before: string | undefined
  let config = room.config()
  const look = (): void => {
    if (room.config() === config) return
    config = room.config()
    const text = textOf(room)
    if (text !== shown.text) before = shown.text
    shown = { text, since: room.clock() }
  }
  const timer = setInterval(look, EVERY).unref()
  room.closing(() => clearInterval(timer))
  router.get(
    '/configuration',
    page(room, 'viewer', (ctx: PageContext) => {
      look()
      ctx.body = configurationPage(frameOf(ctx, room), {
        ...shown,
        file: config.file,
        problems: room.problems(),
        ...(before !== undefined && { difference: difference(before, shown.text) }),
      })
    }),
  )
}

const textOf = ({ config, problems }: ConsoleRoom): string =>
  JSON.stringify(shownConfiguration(config(), problems()).configuration, undefined, 2)

const EVERY = 5000
