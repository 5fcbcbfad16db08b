import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { hashPassword } from '../src/store/passwords.ts'
import { createAuthority } from './support/certificates.ts'
import { startPortcullis } from './support/portcullis.ts'
import { noBrowser, realBrowser } from './support/real-browser.ts'

const HOST = 'console-host'
const PASSWORD = 'a password of ada'

/**
 * Browsers treat loopback as they treat TLS: only under another name is it seen what they make of cookies, of
 * `Sec-Fetch-Site` and of `Origin` in clear.
 */
describe.skipIf(noBrowser)('the console under a name of the network, in a real browser', () => {
  const { freshPage, complaints } = realBrowser(`--host-resolver-rules=MAP ${HOST} 127.0.0.1`)

  const start = async (isSecure: boolean) => {
    const hash = await hashPassword(PASSWORD)
    const tls = isSecure ? createAuthority().issue(`DNS:${HOST}`) : undefined
    const portcullis = await startPortcullis(
      `accounts: [{ username: ada, password: '${hash}', name: Ada Lovelace, admin: owner }]\n`,
      { admin: { host: '0.0.0.0', ...(tls && { tls }) } },
    )
    const at = portcullis.admin.replace('127.0.0.1', HOST)
    return { at, stop: portcullis.stop }
  }

  const submit = async (page: Page, button: string) =>
    Promise.all([page.waitForNavigation(), page.click(button)])

  it.each([
    ['http', false],
    ['https', true],
  ])(
    'A37 by %s: sign in, a form, sign out; the warning is there where it has to be',
    async (scheme, isSecure) => {
      const { at, stop } = await start(isSecure)
      const page = await freshPage({ ignoreHTTPSErrors: true })
      try {
        expect(at).toMatch(new RegExp(`^${scheme}://${HOST}:`))
        const warned = async () => (await page.textContent('body'))?.includes('without TLS')
        await page.goto(at)
        expect(await warned()).toBe(!isSecure)
        await page.fill('#username', 'ada')
        await page.fill('#password', PASSWORD)
        await submit(page, 'main button')
        expect(await page.textContent('header')).toContain('Ada Lovelace')
        expect(await warned()).toBe(!isSecure)
        const cookies = (await page.context().cookies(at)).map(({ name, secure, sameSite }) => [
          ...[name, secure, sameSite],
        ])
        expect(cookies).toContainEqual([
          ...[isSecure ? '__Host-pc_console' : 'pc_console', isSecure, 'Strict'],
        ])
        await page.goto(`${at}/new-person`)
        await page.fill('#username', 'grace')
        await page.fill('#password', 'a password of grace')
        await submit(page, 'main button.primary')
        expect(await page.textContent('h1')).toContain('grace')
        await submit(page, 'button:has-text("Sign out")')
        expect(page.url()).toBe(`${at}/sign-in`)
        await page.goto(`${at}/people`)
        expect(page.url()).toContain('/sign-in')
      } finally {
        await page.close()
        // In clear a browser says of every page that it passes over Cross-Origin-Opener-Policy.
        complaints.splice(0)
        await stop()
      }
    },
    60_000,
  )
})
