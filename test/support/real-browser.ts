import { existsSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** There is none, and this is no machine that must have one. */
export const noBrowser = !existsSync(executablePath) && process.env.CI === undefined
if (noBrowser) console.info(`browser tests are skipped: there is no Chromium at ${executablePath}`)

type ContextOptions = NonNullable<Parameters<Browser['newContext']>[0]>

export type RealBrowser = {
  /** A page of a browser that nobody has used. */
  freshPage(options?: ContextOptions): Promise<Page>
  /** What the browser has said of its pages since the test began; a test that means it takes it out. */
  readonly complaints: string[]
}

/**
 * One Chromium for the tests of a `describe`. The browser must stay silent but for statuses of 4xx, which tests mean.
 * `args`: further ones for its command line.
 */
export const realBrowser = (...args: readonly string[]): RealBrowser => {
  const complaints: string[] = []
  let browser: Browser | undefined
  let contexts: BrowserContext[] = []

  beforeAll(async () => {
    browser = await launchBrowser(...args)
  })
  afterAll(async () => browser?.close())
  afterEach(async () => {
    await Promise.all(contexts.map((context) => context.close()))
    contexts = []
    expect(complaints.splice(0), 'what the browser said').toEqual([])
  })

  return {
    complaints,
    async freshPage(options = {}) {
      if (browser === undefined) throw new Error('the browser has not begun')
      const context = await browser.newContext(options)
      contexts.push(context)
      const page = await context.newPage()
      page.on('pageerror', (error) => complaints.push(String(error)))
      page.on('console', (message) => {
        if (!REFUSED.test(message.text())) complaints.push(message.text())
      })
      return page
    },
  }
}

export const launchBrowser = (...args: readonly string[]): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-background-networking', ...args],
  })

const REFUSED = /^Failed to load resource: the server responded with a status of 4/

/** How people look at a page. */
export const LOOKS = [
  ['light', { viewport: { width: 1280, height: 800 }, colorScheme: 'light' }],
  ['dark', { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' }],
  ['phone', { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 }],
  ['narrow', { viewport: { width: 320, height: 640 } }],
] as const

/** Tabs until what is called so has the focus. */
export const tabTo = async (page: Page, name: string): Promise<void> => {
  for (let tabs = 0; tabs < 60; tabs += 1) {
    if ((await focused(page)).includes(name)) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`${name} cannot be reached by keyboard`)
}

/** Id, name and words of what has the focus. */
export const focused = (page: Page): Promise<readonly string[]> =>
  page.evaluate(
    '[document.activeElement.id, document.activeElement.name, document.activeElement.textContent.trim()]',
  )
