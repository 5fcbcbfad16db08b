import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { loadConfiguration } from '../src/config/load.ts'
import { openStores, type Stores } from '../src/store/open.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { createClient } from './support/client.ts'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'
import { noBrowser, realBrowser, tabTo } from './support/real-browser.ts'
import { ok, type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.ts'

const PEOPLE = ['ada', 'bob', 'cyd', 'dan', 'eve', 'fay', 'gil', 'kim']

const configuration = (upstream: string, callback: string) => `
demo: true
scopes:
  orders.read: See your orders
  orders.write: Create and change your orders
upstreams: { orders: '${upstream}' }
routes:
  - { path: /orders/*, upstream: orders, scope: orders.read }
clients:
  - client_id: shop
    client_name: Bookshop at the harbour
    client_uri: https://books.example/about
    client_secret: shop-secret
    redirect_uris: ['${callback}']
    grant_types: [authorization_code, refresh_token]
accounts:
${PEOPLE.map((name) => `  - { username: ${name}, password: ${name}-password, name: ${name === 'ada' ? 'Ada Lovelace' : name} }`).join('\n')}
`

const LOOKS = [
  ['light', 'ada', { viewport: { width: 1280, height: 800 }, colorScheme: 'light' }],
  ['dark', 'bob', { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' }],
  ['phone', 'cyd', { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 }],
  ['narrow', 'dan', { viewport: { width: 320, height: 640 } }],
] as const

describe.skipIf(noBrowser)('the pages of a person, in a real browser', () => {
  let upstream: RecordingUpstream
  let application: Server
  let callback: string
  let server: Portcullis
  let stores: Stores
  const { freshPage } = realBrowser()
  const at = (path: string) => `${server.origin}/oauth/${path}`
  const shop = (client_id = 'shop') =>
    createClient(server.origin, client_id, { secret: 'shop-secret', redirect_uri: callback })

  beforeAll(async () => {
    upstream = await startRecordingUpstream(() => ok())
    application = createServer((_, res) => res.end('this is the client'))
    await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', () => resolve()))
    callback = `http://127.0.0.1:${(application.address() as AddressInfo).port}/callback`
    server = await startPortcullis(configuration(upstream.origin, callback))
    const env = { ORIGIN: server.origin, PORT: String(server.port) }
    const loaded = await loadConfiguration(join(server.folder, 'portcullis.yaml'), env)
    if ('problems' in loaded) throw new Error('the configuration does not load')
    stores = await openStores(loaded.config, { clock: systemClock, log: silentLog })
    await stores.clients.create({
      ...{ client_id: 'stranger', client_name: 'Bookshop at the harbour (new)' },
      ...{ source: 'registered', created: systemClock(), redirect_uris: [callback] },
      ...{ grant_types: ['authorization_code'], require_pkce: true, introspect: false },
      ...{ tokens: {}, secrets: [] },
    })
  })
  afterAll(async () => {
    await stores?.close()
    await server?.stop()
    await upstream?.close()
    application?.close()
  })

  const signIn = async (page: Page, name: string, password = `${name}-password`) => {
    await page.fill('#username', name)
    await page.fill('#password', password)
    await page.click('button:has-text("Sign in")')
    await page.waitForSelector('h1:not(:has-text("Sign in"))')
  }
  const allow = async (page: Page) => {
    await page.click('button[value=allow]')
    await page.waitForSelector('text=this is the client')
  }
  /** Tokens of the shop for who sits at the page and is signed in. */
  const give = async (page: Page, scope = 'orders.read') => {
    const client = shop()
    await page.goto(client.authorizationUrl({ scope, prompt: 'consent' }).href)
    await allow(page)
    const { body } = await client.redeem(new URL(page.url()))
    return String(body.access_token)
  }
  const call = async (access: string) =>
    (await fetch(`${server.origin}/orders/1`, { headers: { Authorization: `Bearer ${access}` } }))
      .status
  it.each(LOOKS)(
    'every page fits, with nothing to press that is too small: %s',
    async (look, name, options) => {
      const page = await freshPage(options)
      const seen = async (picture: string) => {
        const { width } = options.viewport
        expect(await page.evaluate('document.documentElement.scrollWidth'), picture).toBe(width)
        expect(await page.evaluate(SMALL_TARGETS), picture).toEqual([])
        if (process.env.UPDATE_SCREENSHOTS && look !== 'narrow' && SHOWN.includes(picture))
          await page.screenshot({ path: `${PICTURES}${picture}-${look}.png`, fullPage: true })
      }
      await page.goto(at('apps'))
      await seen('sign-in-apps')
      await signIn(page, name)
      await seen('apps-none')
      await call(await give(page))
      await page.goto(shop().authorizationUrl().href)
      await seen('consent-again')
      await page.goto(shop('stranger').authorizationUrl().href)
      await seen('consent-unverified')
      await allow(page)
      await page.goto(at('apps'))
      await page.click('summary')
      await seen('apps')
      await page.goto(at('password'))
      await seen('password')
      await page.fill('#current_password', 'wrong')
      await page.fill('#new_password', 'a better password')
      await page.fill('#new_password_again', 'a better password')
      await page.click('button:has-text("Change password")')
      await page.waitForSelector('[role=alert]')
      await seen('password-wrong')
      await page.goto(at('logout'))
      await seen('sign-out')
      await page.click('button[value=everywhere]')
      await page.waitForSelector('text=You are signed out everywhere')
      await seen('signed-out')
    },
    60_000,
  )

  it.each([true, false])(
    'access is taken back, and the gateway refuses at once; JavaScript: %s',
    async (javaScriptEnabled) => {
      const page = await freshPage({ javaScriptEnabled })
      await page.goto(at('apps'))
      await signIn(page, javaScriptEnabled ? 'eve' : 'fay')
      const access = await give(page, 'orders.read orders.write')
      expect(await call(access)).toBe(200)
      await page.goto(at('apps'))
      const words = await page.textContent('.app')
      expect(words).toContain('Bookshop at the harbour')
      expect(words).toContain('Create and change your orders')
      expect(words).toMatch(/Last used\s*just now, on \/orders\/\*/)
      expect(await page.isVisible('.take-back button')).toBe(false)
      await page.click('summary')
      await page.click('.take-back button')
      await page.waitForSelector('[role=status]')
      expect(await call(access)).toBe(401)
      expect(await page.textContent('main')).toContain('No application has access')
    },
  )

  it('by keyboard alone: an application is removed, the password changed, and signed out', async () => {
    const page = await freshPage()
    await page.goto(at('apps'))
    await signIn(page, 'gil')
    const access = await give(page)
    await page.goto(at('apps'))
    await tabTo(page, 'Remove access')
    await page.keyboard.press('Enter')
    await tabTo(page, 'Remove Bookshop at the harbour')
    await page.keyboard.press('Enter')
    await page.waitForSelector('[role=status]')
    expect(await call(access)).toBe(401)

    await tabTo(page, 'Change password')
    await page.keyboard.press('Enter')
    await page.waitForSelector('#current_password:focus')
    for (const text of ['gil-password', 'a better password', 'a better password']) {
      await page.keyboard.type(text)
      await page.keyboard.press('Tab')
    }
    await page.keyboard.press('Enter')
    await page.waitForSelector('text=Your password is changed')

    await tabTo(page, 'Sign out…')
    await page.keyboard.press('Enter')
    await page.waitForSelector('button[name=where]')
    await tabTo(page, 'where')
    await page.keyboard.press('Enter')
    await page.waitForSelector('text=You are signed out')
    await page.goto(at('apps'))
    await signIn(page, 'gil', 'a better password')
    expect(await page.textContent('h1')).toBe('Applications with access')
  }, 60_000)

  it('what is asked again is what is new; the rest stays as it was, and can be taken back', async () => {
    const page = await freshPage()
    await page.goto(at('apps'))
    await signIn(page, 'kim')
    await give(page)
    const client = shop()
    await page.goto(client.authorizationUrl({ scope: 'orders.read' }).href)
    await page.waitForSelector('text=this is the client')
    await page.goto(client.authorizationUrl().href)
    const lists = await page.$$eval('fieldset', (all) => all.map(({ textContent }) => textContent))
    expect(lists[0]).toContain('orders.write')
    expect(lists[1]).toContain('orders.read')
    await page.uncheck('input[value="orders.read"]')
    await allow(page)
    const { body } = await client.redeem(new URL(page.url()))
    expect(body.scope).toBe('orders.write')
  })
})

/** Pictures for the documentation: written when UPDATE_SCREENSHOTS is set, so that other runs leave the tree as it is. */
const PICTURES = fileURLToPath(new URL('../docs/images/', import.meta.url))

const SHOWN = ['apps', 'consent-again', 'consent-unverified', 'password', 'sign-out']

const SMALL_TARGETS = `[...document.querySelectorAll('a, button, summary, label.scope, input:not([type=hidden]):not([type=checkbox])')]
  .filter((one) => one.checkVisibility())
  .map((one) => [one.textContent.trim() || one.id, one.getBoundingClientRect().height])
  .filter(([, height]) => height < 43.9)`
