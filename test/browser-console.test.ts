import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { type OrdersApi, startOrdersApi } from '../src/demo/orders-api.ts'
import { violations } from './support/axe.ts'
import { busyHour } from './support/busy-hour.ts'
import { createClient } from './support/client.ts'
import { passingTime } from './support/passing-time.ts'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'
import { focused, noBrowser, realBrowser, tabTo } from './support/real-browser.ts'

const SECRET = 'robot-secret'
const configuration = (upstream: number) => `
demo: true
scopes:
  orders.read: See your orders
  orders.write: Create and change your orders
upstreams:
  orders: http://127.0.0.1:${upstream}
routes:
  - { path: /orders/*, methods: [GET, HEAD], upstream: orders, scope: orders.read }
  - { path: /orders/*, methods: [POST, PUT, PATCH, DELETE], upstream: orders, scope: orders.write }
  - { path: /status, upstream: orders, access: public }
clients:
  - client_id: shop
    client_name: Web shop
    client_secret: shop-secret
    redirect_uris: ["http://127.0.0.1:9/callback"]
    grant_types: [authorization_code, refresh_token]
    scope: orders.read orders.write
  - client_id: robot
    client_name: Nightly report
    client_secret: ${SECRET}
    grant_types: [client_credentials]
    scope: orders.read
accounts:
  - { username: ada, password: ada, name: Ada Lovelace, email: ada@example.com, admin: owner }
  - { username: vera, password: vera, name: Vera Rubin, admin: viewer }
  - { username: grace, password: grace, name: Grace Hopper, scope: orders.read }
`

const LOOKS = [
  ['light', { viewport: { width: 1280, height: 800 }, colorScheme: 'light' }],
  ['dark', { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' }],
  ['phone', { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2 }],
  ['4k', { viewport: { width: 3840, height: 2160 } }],
] as const

const PAGES = [
  ['overview', '/'],
  ['clients', '/clients'],
  ['client', '/clients/robot'],
  ['new-client', '/new-client'],
  ['people', '/people'],
  ['person', '/people/grace'],
  ['new-person', '/new-person'],
  ['grants', '/grants'],
  ['scopes', '/scopes'],
  ['routes', '/routes'],
  ['refusals', '/refusals'],
  ['audit', '/audit'],
  ['configuration', '/configuration'],
  ['try', '/clients/shop/try'],
  ['nothing', '/nothing'],
] as const

const UNPICTURED = new Set(['nothing', 'refused-form'])

describe.skipIf(noBrowser)('the console in a real browser', () => {
  // For the pictures an hour passes in a minute.
  const time = process.env.UPDATE_SCREENSHOTS ? passingTime() : undefined
  let orders: OrdersApi
  let portcullis: Portcullis
  const { freshPage, complaints } = realBrowser()

  beforeAll(async () => {
    orders = await startOrdersApi({ changeEvery: 0 })
    portcullis = await startPortcullis(configuration(orders.port), {
      clock: time?.clock ?? systemClock,
    })
    const robot = createClient(portcullis.origin, 'robot', { secret: SECRET })
    const { body } = await robot.post('token', { grant_type: 'client_credentials' })
    const headers = { Authorization: `Bearer ${body.access_token}` }
    await fetch(`${portcullis.origin}/orders`, { headers })
    await fetch(`${portcullis.origin}/orders`, { method: 'POST', headers })
    await fetch(`${portcullis.origin}/orders/1`)
    if (time) await busyHour(time, portcullis, robot)
  }, 300_000)

  afterAll(async () => {
    await portcullis?.stop()
    await orders?.close()
    time?.close()
  })

  const signIn = async (page: Page, username = 'ada') => {
    await page.goto(`${portcullis.admin}/sign-in`)
    await page.fill('#username', username)
    await page.fill('#password', username)
    await page.click('main button')
    await page.waitForSelector('nav')
  }

  const seen = async (page: Page, name: string, look: string, width: number) => {
    expect(await violations(page), name).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth'), name).toBe(width)
    if (!process.env.UPDATE_SCREENSHOTS || look === '4k' || UNPICTURED.has(name)) return
    await hidePlaces(page)
    await page.screenshot({ path: `${PICTURES}console-${name}-${look}.png` })
  }

  /** What a picture would tell of this machine: where the files lie, and ports that were free. */
  const hidePlaces = async (page: Page) => {
    const places = [
      [portcullis.folder, '/etc/portcullis'],
      [String(portcullis.port), '8080'],
      [new URL(portcullis.admin).port, '8081'],
      [String(orders.port), '9001'],
    ]
    await page.evaluate(`(() => {
      const texts = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT)
      for (let text = texts.nextNode(); text !== null; text = texts.nextNode())
        for (const [from, to] of ${JSON.stringify(places)}) text.data = text.data.replaceAll(from, to)
    })()`)
  }

  it.each(LOOKS)(
    'every page fits and is clean for axe-core: %s',
    async (look, options) => {
      const page = await freshPage(options)
      const { width } = options.viewport
      await page.goto(portcullis.admin)
      await seen(page, 'sign-in', look, width)
      await signIn(page)
      for (const [name, path] of PAGES) {
        await page.goto(portcullis.admin + path)
        await seen(page, name, look, width)
      }
      await page.goto(`${portcullis.admin}/routes`)
      await page.fill('#url', '/orders/1')
      await page.click('main button.primary')
      await page.waitForSelector('pre[role=status]')
      await seen(page, 'explained', look, width)
      await page.goto(`${portcullis.admin}/clients/robot/try`)
      await page.fill('#credentials-secret', SECRET)
      await page.fill('#credentials-api', '/orders')
      await page.click('main button.primary')
      await page.waitForSelector('.hops')
      await seen(page, 'tried', look, width)
      await page.goto(`${portcullis.admin}/new-client`)
      await page.fill('#client_name', 'No scope')
      await page.click('main button.primary')
      await page.waitForSelector('[role=alert]')
      await seen(page, 'refused-form', look, width)
    },
    90_000,
  )

  it('by keyboard alone: sign in, make a client, find it, disable it', async () => {
    const page = await freshPage()
    await page.goto(portcullis.admin)
    await tabTo(page, 'username')
    await page.keyboard.type('ada')
    await page.keyboard.press('Tab')
    await page.keyboard.type('ada')
    await page.keyboard.press('Enter')
    await page.waitForSelector('nav')
    await page.keyboard.press('Tab')
    expect(await focused(page)).toContain('Skip to the content')
    await tabTo(page, 'Clients')
    await page.keyboard.press('Enter')
    await page.waitForSelector('h1:has-text("Clients")')
    await tabTo(page, 'New client')
    await page.keyboard.press('Enter')
    await page.waitForSelector('#client_name')
    await tabTo(page, 'kind')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    await tabTo(page, 'client_name')
    await page.keyboard.type('Made by hand')
    await tabTo(page, 'client_id')
    await page.keyboard.type('by-hand')
    await tabTo(page, 'scope')
    await page.keyboard.press('Space')
    await tabTo(page, 'Save')
    await page.keyboard.press('Enter')
    await page.waitForSelector('code.secret')
    await page.goto(`${portcullis.admin}/clients?search=hand`)
    await tabTo(page, 'Made by hand')
    await page.keyboard.press('Enter')
    await page.waitForSelector('h1:has-text("Made by hand")')
    await tabTo(page, 'Disable')
    await page.keyboard.press('Enter')
    await tabTo(page, 'reason')
    await page.keyboard.type('never needed')
    await page.keyboard.press('Enter')
    await page.waitForSelector('text=never needed')
    expect(await page.textContent('main')).toContain('Enable')
  })

  it('the code flow is tried with a person in another tab', async () => {
    const page = await freshPage()
    await signIn(page)
    await page.goto(`${portcullis.admin}/clients/shop/try`)
    await page.click('main button.primary')
    await page.waitForSelector('#pasted')
    const [tab] = await Promise.all([
      page.context().waitForEvent('page'),
      page.click('a[target=_blank]'),
    ])
    const sentTo = tab.waitForRequest((request) => request.url().startsWith('http://127.0.0.1:9/'))
    await tab.fill('#username', 'grace')
    await tab.fill('#password', 'grace')
    await tab.click('button:has-text("Sign in")')
    await tab.click('button[value=allow]')
    await page.fill('#pasted', (await sentTo).url())
    await page.fill('#code-secret', 'shop-secret')
    await page.fill('#code-api', '/orders')
    await page.click('main button.primary')
    await page.waitForSelector('.hops')
    expect(
      await page.$$eval('.hops li > h3', (all) =>
        all.map((one) => one.firstChild?.textContent?.trim()),
      ),
    ).toEqual([
      'Authorization',
      'Token',
      'Introspection',
      'Call',
      'Refresh',
      'Revocation',
      'Call again',
    ])
    expect(await page.$$('.hops .tag.bad')).toEqual([])
    complaints.splice(0)
  })

  it('grants of everybody are paged, and each page is clean for axe-core', async () => {
    const robot = createClient(portcullis.origin, 'robot', { secret: SECRET })
    for (let count = 0; count < 110; count += 1)
      await robot.post('token', { grant_type: 'client_credentials' })
    const page = await freshPage({ viewport: { width: 360, height: 740 } })
    await signIn(page)
    await page.goto(`${portcullis.admin}/grants`)
    await page.fill('#scope', 'orders.read')
    await page.click('main button:has-text("Search")')
    const rows: number[] = []
    for (let pages = 0; pages < 5; pages += 1) {
      rows.push((await page.$$('tbody tr')).length)
      await seen(page, `grants, page ${pages}`, '4k', 360)
      if ((await page.$$('.pages >> text=Further')).length === 0) break
      const here = page.url()
      await Promise.all([
        page.waitForURL((url) => url.href !== here),
        page.press('.pages >> text=Further', 'Enter'),
      ])
    }
    expect(rows.length).toBeGreaterThan(2)
    expect(rows.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(110)
    expect(await page.inputValue('#scope')).toBe('orders.read')
    await page.click('.pages >> text=First')
    await page.waitForURL((url) => !url.searchParams.has('cursor'))
    expect(await page.inputValue('#scope')).toBe('orders.read')
    await page.goto(`${portcullis.admin}/grants?cursor=x`)
    await seen(page, 'grants, no such page', '4k', 360)
  }, 60_000)

  it('the pictures of the overview are renewed by themselves', async () => {
    const page = await freshPage()
    await signIn(page)
    await page.evaluate("document.querySelector('#live').dataset.former = 'yes'")
    await page.waitForSelector('#live:not([data-former])', { timeout: 15_000 })
    expect(await page.$$('#live')).toHaveLength(1)
  })

  it('without JavaScript everything works as forms and links', async () => {
    const page = await freshPage({ javaScriptEnabled: false })
    await signIn(page)
    await page.click('nav >> text=People')
    await page.fill('#search', 'grace')
    await page.click('main button')
    await page.click('main td a')
    await page.click('summary:has-text("Disable")')
    await page.fill('#reason', 'on leave')
    await page.click('details button:has-text("Disable")')
    expect(await page.textContent('main')).toContain('on leave')
    await page.click('button:has-text("Enable")')
    expect(await page.textContent('main')).not.toContain('on leave')
  })
})

/** Pictures for the documentation: written when UPDATE_SCREENSHOTS is set, so that other runs leave the tree as it is. */
const PICTURES = fileURLToPath(new URL('../docs/images/', import.meta.url))
