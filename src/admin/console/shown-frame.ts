import type { Frame } from '../../pages/console/frame.ts'
import type { ConsoleRoom, PageContext } from './console.ts'

/** The frame around a page, for who looks at it. */
export const frameOf = (ctx: PageContext, { assets, warnings }: ConsoleRoom): Frame => {
  const { name, role, csrf } = ctx.state.visitor
  return { person: { name, role }, csrf, assets: assets.addresses, warnings: warnings() }
}
