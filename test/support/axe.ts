import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'

/** As axe-core judges WCAG 2.2 AA and its own best practices; run in a world that the policy of the page does not bind. */
export const violations = async (page: Page): Promise<readonly string[]> => {
  const cdp = await page.context().newCDPSession(page)
  const { frameTree } = await cdp.send('Page.getFrameTree')
  const { executionContextId: contextId } = await cdp.send('Page.createIsolatedWorld', {
    frameId: frameTree.frame.id,
    worldName: 'axe',
  })
  await cdp.send('Runtime.evaluate', { expression: AXE, contextId })
  const { result } = await cdp.send('Runtime.evaluate', {
    expression: `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html.slice(0, 200)).join(' | ')))`,
    ...{ contextId, awaitPromise: true, returnByValue: true },
  })
  await cdp.detach()
  return result.value as readonly string[]
}

const AXE = readFileSync(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8')
