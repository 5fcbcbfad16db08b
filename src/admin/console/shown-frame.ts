import type { Frame } from '../../pages/console/frame.ts'
import type { ConsoleRoom, PageContext } from './console.ts'

/** The frame around a page, for who looks at it. */
export const frameOf = (ctx: PageContext, { assets, warnings }: ConsoleRoom): Frame => {
  const { name, role, csrf, isRemembered } = ctx.state.visitor
  return {
    person: { name, role },
    csrf,
    assets: assets.addresses,
    warnings: [...warnings(), ...(isRemembered ? [STORE_AWAY] : [])],
  }
}

const STORE_AWAY =
  'The store does not answer. You are known from before: the overview, the routes, the refusals and the configuration can be looked at, and nothing can be changed.'
