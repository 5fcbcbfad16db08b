import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OrdersApi, startOrdersApi } from '../src/demo/orders-api.ts'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'
import { LOOKS, noBrowser, realBrowser, tabTo } from './support/real-browser.ts'

const configuration = (upstream: number, elsewhere: number) => `
demo: true
scopes:
  orders.read: See your orders
  orders.write: Create and change your orders
upstreams:
  orders: http://127.0.0.1:${upstream}
routes:
  - { path: /orders/*, methods: [GET, HEAD], upstream: orders, scope: orders.read }
  - { path: /orders/*, methods: [POST], upstream: orders, scope: orders.write }
clients:
  - client_id: demo
    client_name: Demo application
    client_secret: demo-secret
    redirect_uris: ["\${ORIGIN}/demo/callback"]
    grant_types: [authorization_code, refresh_token]
    scope: orders.read orders.write
  - client_id: elsewhere
    client_name: Somewhere else
    client_secret: elsewhere-secret
    redirect_uris: ["http://127.0.0.1:${elsewhere}/callback"]
    grant_types: [authorization_code]
    require_pkce: false
accounts:
  - { username: ada, password: ada-demo, name: Ada Lovelace }
`

describe.skipIf(noBrowser)('in a real browser', () => {
  let orders: OrdersApi
  let elsewhere: Server
  let portcullis: Portcullis
  const { freshPage } = realBrowser()

  beforeAll(async () => {
    orders = await startOrdersApi({ changeEvery: 0 })
    elsewhere = await listening((_, res) => res.end('this is the client'))
    portcullis = await startPortcullis(configuration(orders.port, portOf(elsewhere)))
  })

  afterAll(async () => {
    await portcullis?.stop()
    await orders?.close()
    elsewhere?.close()
  })

  const press = async (page: Page, ...keys: string[]) => {
    for (const key of keys) await page.keyboard.press(key)
  }

  const signIn = async (page: Page) => {
    await page.fill('#username', 'ada')
    await page.fill('#password', 'ada-demo')
    await page.click('button:has-text("Sign in")')
    await page.waitForSelector('button[value=allow]')
  }

  const takeStep = async (page: Page, step: number) => {
    await page.click('.step.now .button.primary')
    await page.waitForSelector(`#step-${step}.done`)
  }

  const statusOf = (page: Page, step: number) =>
    page.textContent(`#step-${step} .exchange .pane:last-child pre b`)

  it.each(LOOKS)(
    'every page fits, with nothing to press that is too small: %s',
    async (look, options) => {
      const page = await freshPage(options)
      const seen = async (name: string) => {
        const width = options.viewport.width
        expect(await page.evaluate('document.documentElement.scrollWidth'), name).toBe(width)
        expect(await page.evaluate(SMALL_TARGETS), name).toEqual([])
        if (process.env.UPDATE_SCREENSHOTS && look !== 'narrow')
          await page.screenshot({ path: `${PICTURES}${name}-${look}.png` })
      }
      await page.goto(`${portcullis.origin}/demo`)
      await takeStep(page, 1)
      await page.evaluate('scrollTo(0, 0)')
      await seen('demo')
      await takeStep(page, 2)
      await page.click('.step.now .button.primary')
      await page.waitForSelector('#username')
      await seen('sign-in')
      await signIn(page)
      await seen('consent')
      await page.click('button[value=allow]')
      await page.waitForSelector('#step-4.done')
      await takeStep(page, 5)
      await seen('demo-tokens')
      for (const step of [6, 7, 8, 9]) await takeStep(page, step)
      await seen('demo-done')
      await page.goto(`${portcullis.origin}/oauth/authorize?client_id=nobody`)
      await seen('error')
    },
  )

  it('the demo walks through all nine steps, by keyboard alone, after a wrong password and with less than was asked', async () => {
    const page = await freshPage()
    const decisions: (string | null)[] = []
    page.on('request', (request) => {
      if (request.method() === 'POST' && request.url().endsWith('/oauth/consent'))
        decisions.push(new URLSearchParams(request.postData() ?? '').get('decision'))
    })
    await page.goto(portcullis.origin)
    expect(page.url()).toBe(`${portcullis.origin}/demo`)
    await tabTo(page, 'Send the request')
    await press(page, 'Enter')
    await page.waitForSelector('#step-1.done')
    expect(await statusOf(page, 1)).toBe('HTTP/1.1 401 Unauthorized')
    expect(await page.textContent('#step-1')).toContain('WWW-Authenticate: Bearer')
    await tabTo(page, 'Make the address')
    await press(page, 'Enter')
    await page.waitForSelector('#step-2.done')
    expect(await page.textContent('#step-2')).toContain('code_challenge')
    await tabTo(page, 'Go and sign in')
    await press(page, 'Enter')

    await page.waitForSelector('#username:focus')
    await page.keyboard.type('ada')
    await press(page, 'Tab')
    await page.keyboard.type('wrong')
    await press(page, 'Enter')
    await page.waitForSelector('[role=alert]')
    expect(await page.inputValue('#username')).toBe('ada')
    await page.waitForSelector('#password:focus')
    await page.keyboard.type('ada-demo')
    await press(page, 'Enter')

    await page.waitForSelector('button[value=allow]')
    expect(await page.textContent('main')).toContain('Demo application asks for access')
    await page.focus('input[value="orders.write"]')
    await press(page, 'Enter')
    await press(page, 'Space')
    expect(await page.isChecked('input[value="orders.write"]')).toBe(false)
    await tabTo(page, 'decision')
    expect(await page.evaluate('document.activeElement.value')).toBe('deny')
    await press(page, 'Tab', 'Enter')

    await page.waitForSelector('#step-4.done')
    expect(page.url()).toBe(`${portcullis.origin}/demo#step-4`)
    expect(decisions, 'Enter on a checkbox decides nothing').toEqual(['allow'])
    for (const [step, words] of [
      [5, 'Exchange the code'],
      [6, 'Send the request'],
      [7, 'Refresh the token'],
      [8, 'Revoke the tokens'],
      [9, 'Send the request'],
    ] as const) {
      await tabTo(page, words)
      await press(page, 'Enter')
      await page.waitForSelector(`#step-${step}.done`)
    }
    expect(await page.textContent('#step-5')).toContain('"scope": "orders.read"')
    expect(await statusOf(page, 6)).toBe('HTTP/1.1 200 OK')
    expect(await page.textContent('#step-6')).toMatch(/X-Auth-Subject\s*ada/)
    const [before = '', after = ''] = await page.$$eval('mark[title="refresh token"]', (marks) => [
      ...new Set(marks.map((mark) => mark.textContent ?? '')),
    ])
    expect(before).toMatch(/^pc_rt_/)
    expect(after).toMatch(/^pc_rt_/)
    expect(await statusOf(page, 8)).toBe('HTTP/1.1 200 OK')
    expect(await statusOf(page, 9)).toBe('HTTP/1.1 401 Unauthorized')
    expect(await page.textContent('#step-9')).toContain('invalid_token')
    expect(await page.textContent('#progress')).toBe('All steps done')
  })

  it('denied: the application learns only that, and can ask again', async () => {
    const page = await freshPage()
    await page.goto(`${portcullis.origin}/demo`)
    await page.click('text=Run the rest at once')
    await signIn(page)
    await page.click('button[value=deny]')
    await page.waitForSelector('#step-4.failed')
    expect(await page.textContent('#step-4')).toContain('error=access_denied')
    await page.click('text=Ask again')
    await page.waitForSelector('#step-2.now')
  })

  it('without orders.read the call is refused with 403, and the walk goes on', async () => {
    const page = await freshPage()
    await page.goto(`${portcullis.origin}/demo`)
    await page.click('text=Run the rest at once')
    await signIn(page)
    await page.uncheck('input[value="orders.read"]')
    await page.click('button[value=allow]')
    await page.waitForSelector('#step-9.done')
    expect(await statusOf(page, 6)).toBe('HTTP/1.1 403 Forbidden')
    expect(await page.textContent('#step-6')).toContain('insufficient_scope')
  })

  it('run at once, then walk again', async () => {
    const page = await freshPage()
    await page.goto(`${portcullis.origin}/demo`)
    await takeStep(page, 1)
    await page.click('text=Run the rest at once')
    await signIn(page)
    await page.click('button[value=allow]')
    await page.waitForSelector('#step-9.done')
    await page.click('text=Walk again')
    await page.waitForSelector('#step-1.now')
    expect(await page.textContent('#progress')).toBe('0 of 9 steps done')
  })

  it('without JavaScript every button works as a form', async () => {
    const page = await freshPage({ javaScriptEnabled: false })
    await page.goto(`${portcullis.origin}/demo`)
    await takeStep(page, 1)
    await takeStep(page, 2)
    await page.click('.step.now .button.primary')
    await signIn(page)
    await page.click('button[value=allow]')
    await page.waitForSelector('#step-4.done')
    for (const step of [5, 6, 7, 8, 9]) await takeStep(page, step)
    expect(page.url()).toBe(`${portcullis.origin}/demo#step-9`)
    expect(await page.isVisible('.copy')).toBe(false)
  })

  it('a command is copied as it stands', async () => {
    const page = await freshPage({ permissions: ['clipboard-read', 'clipboard-write'] })
    await page.goto(`${portcullis.origin}/demo`)
    await takeStep(page, 1)
    await page.click('#step-1 summary')
    await page.click('#step-1 .copy')
    await page.waitForSelector('#step-1 .copy:has-text("Copied")')
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(
      `curl -i '${portcullis.origin}/orders?limit=1'`,
    )
  })

  it.each([
    ['allow', /\?code=pc_ac_[\w-]+&state=xyz/],
    ['deny', /\?error=access_denied&.*state=xyz/],
  ])(
    'A16 the redirect to a client of another origin works under the policy: %s',
    async (decision, expected) => {
      const page = await freshPage()
      const redirect_uri = `http://127.0.0.1:${portOf(elsewhere)}/callback`
      await page.goto(
        `${portcullis.origin}/oauth/authorize?${new URLSearchParams({
          response_type: 'code',
          client_id: 'elsewhere',
          redirect_uri,
          scope: 'orders.read',
          state: 'xyz',
          prompt: 'consent',
        })}`,
      )
      await signIn(page)
      expect(await page.textContent('main')).toContain(`127.0.0.1:${portOf(elsewhere)}`)
      await page.click(`button[value=${decision}]`)
      await page.waitForSelector('text=this is the client')
      expect(page.url().slice(redirect_uri.length)).toMatch(expected)
    },
  )

  it('A12 a form of another site cannot take a step', async () => {
    const page = await freshPage()
    await page.goto(`${portcullis.origin}/demo`)
    await page.goto(`http://127.0.0.1:${portOf(elsewhere)}/`)
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.url().endsWith('/demo/step/1')),
      page.evaluate(`{
        const form = document.createElement('form')
        form.method = 'post'
        form.action = '${portcullis.origin}/demo/step/1'
        document.body.append(form)
        form.submit()
      }`),
    ])
    expect(answer.status()).toBe(403)
    await page.waitForSelector('text=The walk stops here')
    await page.goto(`${portcullis.origin}/demo`)
    expect(await page.textContent('#progress')).toBe('0 of 9 steps done')
  })
})

/** Pictures for the documentation: written when UPDATE_SCREENSHOTS is set, so that other runs leave the tree as it is. */
const PICTURES = fileURLToPath(new URL('../docs/images/', import.meta.url))

const SMALL_TARGETS = `[...document.querySelectorAll('a, button, summary, label.scope, input:not([type=hidden]):not([type=checkbox])')]
  .filter((one) => one.checkVisibility())
  .map((one) => [one.textContent.trim() || one.id, one.getBoundingClientRect().height])
  .filter(([, height]) => height < 43.9)`

const listening = (handler: Parameters<typeof createServer>[1]): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer(handler)
    server.listen(0, '127.0.0.1', () => resolve(server))
  })

const portOf = (server: Server): number => (server.address() as AddressInfo).port
