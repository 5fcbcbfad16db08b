import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postForm } from './support/client.ts'
import { DEVICE_CODE } from './support/device.ts'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'
import { LOOKS, noBrowser, realBrowser } from './support/real-browser.ts'

const CONFIGURATION = `
demo: true
scopes:
  orders.read: See your orders
  orders.write: Create and change your orders
clients:
  - client_id: tv
    client_name: Television in the living room
    client_uri: https://tv.example
    grant_types: ['${DEVICE_CODE}', refresh_token]
accounts:
  - { username: ada, password: ada-demo, name: Ada Lovelace, scope: orders.read orders.write }
  - { username: grace, password: grace, name: Grace Hopper, scope: orders.read }
`

describe.skipIf(noBrowser)('a device is answered in a real browser', () => {
  let portcullis: Portcullis
  const { freshPage } = realBrowser()

  beforeAll(async () => {
    portcullis = await startPortcullis(CONFIGURATION)
  })
  afterAll(async () => {
    await portcullis?.stop()
  })

  const ask = async () => {
    const { body } = await postForm(`${portcullis.origin}/oauth/device_authorization`, {
      client_id: 'tv',
    })
    const poll = () =>
      postForm(`${portcullis.origin}/oauth/token`, {
        client_id: 'tv',
        grant_type: DEVICE_CODE,
        device_code: String(body.device_code),
      })
    return {
      poll,
      user_code: String(body.user_code),
      uri: String(body.verification_uri),
      complete: String(body.verification_uri_complete),
    }
  }

  const signIn = async (page: Page, username = 'ada', password = 'ada-demo') => {
    await page.waitForSelector('#username')
    await page.fill('#username', username)
    await page.fill('#password', password)
    await page.click('button:has-text("Sign in")')
    await page.waitForSelector('#user_code')
  }

  it.each(LOOKS)(
    '8628-05 every page fits, with nothing to press that is too small: %s',
    async (look, options) => {
      const page = await freshPage(options)
      const seen = async (name: string) => {
        const { width } = options.viewport
        expect(await page.evaluate('document.documentElement.scrollWidth'), name).toBe(width)
        expect(await page.evaluate(SMALL_TARGETS), name).toEqual([])
        if (process.env.UPDATE_SCREENSHOTS && look !== 'narrow' && KEPT.has(name))
          await page.screenshot({ path: `${PICTURES}${name}-${look}.png`, fullPage: true })
      }
      const { uri, complete, poll } = await ask()
      await page.goto(uri)
      await page.waitForSelector('#username')
      await seen('device-sign-in')
      await signIn(page)
      await seen('device-entry')
      await page.fill('#user_code', 'bbbb bbbb')
      await page.click('button:has-text("Continue")')
      await page.waitForSelector('[role=alert]')
      await seen('device-wrong')
      await page.goto(complete)
      await seen('device-filled-in')
      await page.click('button:has-text("Continue")')
      await page.waitForSelector('button[value=allow]')
      await seen('device-consent')
      await page.click('button[value=allow]')
      await page.waitForSelector('h1:has-text("connected")')
      await seen('device-connected')
      expect((await poll()).status).toBe(200)
      const denied = await ask()
      await page.goto(denied.complete)
      await page.click('button:has-text("Continue")')
      await page.click('button[value=deny]')
      await page.waitForSelector('h1:has-text("no access")')
      await seen('device-denied')
    },
  )

  it('8628-05 by keyboard alone, and Enter on a checkbox decides nothing', async () => {
    const page = await freshPage()
    const { user_code, uri, poll } = await ask()
    await page.goto(uri)
    await signIn(page, 'grace', 'grace')
    await page.waitForSelector('#user_code:focus')
    await page.keyboard.type(user_code.toLowerCase().replace('-', ''))
    await page.keyboard.press('Enter')
    await page.waitForSelector('button[value=allow]')
    expect(await page.textContent('.code.shown')).toBe(user_code)
    expect(await page.isDisabled('input[type=checkbox] >> nth=1')).toBe(true)
    await page.focus('input[value="orders.read"]')
    await page.keyboard.press('Enter')
    expect((await poll()).body.error).toBe('authorization_pending')
    await page.focus('button[value=allow]')
    await page.keyboard.press('Enter')
    await page.waitForSelector('h1:has-text("connected")')
    expect((await poll()).body.scope).toBe('orders.read')
  })

  it('8628-05 without JavaScript all of it works', async () => {
    const page = await freshPage({ javaScriptEnabled: false })
    const { complete, poll } = await ask()
    await page.goto(complete)
    await signIn(page)
    await page.click('button:has-text("Continue")')
    await page.uncheck('input[value="orders.write"]')
    await page.click('button[value=allow]')
    await page.waitForSelector('h1:has-text("connected")')
    expect((await poll()).body.scope).toBe('orders.read')
  })

  it('A12 a page of another site cannot answer for the person, framed or posted', async () => {
    const page = await freshPage()
    const { complete, poll } = await ask()
    await page.goto(complete)
    await signIn(page)
    await page.click('button:has-text("Continue")')
    await page.waitForSelector('button[value=allow]')
    const address = page.url()
    const fields = await page.$$eval('form input[type=hidden]', (inputs) =>
      inputs.map((input) => [input.getAttribute('name'), input.getAttribute('value')]),
    )
    const other = await page.context().newPage()
    await other.route('http://evil.localhost/', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<p>a prize</p>' }),
    )
    await other.goto('http://evil.localhost/')
    const [answer] = await Promise.all([
      other.waitForResponse((response) => response.url().endsWith('/oauth/device')),
      other.evaluate(`{
        const form = document.createElement('form')
        form.method = 'post'
        form.action = '${portcullis.origin}/oauth/device'
        for (const [name, value] of ${JSON.stringify([...fields, ['decision', 'allow'], ['scope', 'orders.read']])}) {
          const input = document.createElement('input')
          Object.assign(input, { name, value })
          form.append(input)
        }
        document.body.append(form)
        form.submit()
      }`),
    ])
    expect(answer.status()).toBe(403)
    expect((await poll()).body.error).toBe('authorization_pending')
    expect((await page.goto(address))?.headers()['x-frame-options']).toBe('DENY')
  })
})

/** What can be pressed and is less high than a finger wants; links within a line of text apart (WCAG 2.5.8). */
const SMALL_TARGETS = `[...document.querySelectorAll('a:not(dd a), button, label.scope, input:not([type=hidden]):not([type=checkbox])')]
  .filter((one) => one.checkVisibility())
  .map((one) => [one.textContent.trim() || one.id, one.getBoundingClientRect().height])
  .filter(([, height]) => height < 43.9)`

/** Of the others there are pictures enough. */
const KEPT = new Set(['device-entry', 'device-consent'])

const PICTURES = fileURLToPath(new URL('../docs/images/', import.meta.url))
