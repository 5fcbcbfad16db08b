import { Readable } from 'node:stream'
import readQrCode from 'jsqr'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { qrCode } from '../src/cli/qr-code.ts'
import type { TokenOptions } from '../src/cli/sample-client/settings.ts'
import { token } from '../src/cli/token.ts'
import { answerDevice, DEVICE_CODE } from './support/device.ts'
import { createPerson } from './support/person.ts'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'
import { ok, type RecordingUpstream, startRecordingUpstream } from './support/recording-upstream.ts'
import { sink } from './support/sink.ts'

describe('portcullis token --device', () => {
  let server: Portcullis
  let upstream: RecordingUpstream
  const ada = createPerson('ada', 'ada-password')

  beforeAll(async () => {
    upstream = await startRecordingUpstream(() => ok('an order'))
    server = await startPortcullis(`
demo: true
scopes: { orders.read: See your orders, orders.write: Change your orders }
upstreams: { orders: ${upstream.origin} }
routes: [{ path: /orders/*, upstream: orders, scope: orders.read }]
clients:
  - { client_id: cli, grant_types: ['${DEVICE_CODE}', refresh_token] }
  - client_id: kiosk
    client_secret: kiosk-secret
    grant_types: ['${DEVICE_CODE}']
  - { client_id: web, redirect_uris: [https://app.example/cb] }
accounts: [{ username: ada, password: ada-password }]
`)
  })
  afterAll(async () => {
    await server.stop()
    await upstream.close()
  })

  /** `answer` is what the person does in the pause after so many polls. */
  const run = async (
    options: TokenOptions,
    answer: (device: { user_code: string; verification_uri: string }) => Promise<unknown>,
    { after = 1, secret = '' } = {},
  ) => {
    const [stdout, stderr] = [sink(), sink()]
    const pauses: number[] = []
    const wait = async (seconds: number) => {
      pauses.push(seconds)
      const told = stdout.text() + stderr.text()
      if (pauses.length <= after) return
      const user_code = /enter the code (\S+)/.exec(told)?.[1] ?? ''
      await answer({ user_code, verification_uri: `${server.origin}/oauth/device` })
    }
    const stdin = Readable.from([secret])
    const openBrowser = () => Promise.reject(new Error('opened'))
    const settings = { issuer: server.origin, device: true, ...options }
    const code = await token(settings, { stdin, stdout, stderr, openBrowser, wait })
    return { code, output: stdout.text(), errors: stderr.text(), pauses }
  }

  it('8628-3.4 shows a code, waits until a person has allowed it, and calls with the token', async () => {
    const { code, output, errors } = await run(
      { scope: 'orders.read', call: `${server.origin}/orders/1` },
      (device) => answerDevice(ada, device),
    )
    expect(errors).toBe('')
    expect(code).toBe(0)
    expect(output).toContain(`  ${server.origin}/oauth/device\n`)
    expect(output).toMatch(/enter the code [A-Z]{4}-[A-Z]{4} within 10 minutes/)
    expect(output).toMatch(/Access token: pc_at_/)
    expect(output).toMatch(/Refresh token: pc_rt_/)
    expect(output).toContain('Scope: orders.read\n')
    expect(output).toContain('Response from the protected resource: 200')
  })

  it('8628-3.3.1 the QR code leads to the page with the code filled in', async () => {
    const { output } = await run({}, (device) => answerDevice(ada, device))
    const user_code = /enter the code (\S+)/.exec(output)?.[1]
    const lines = output.split('\n').filter((line) => /^[█▀▄ ]{20,}$/.test(line))
    expect(read(lines, false)).toBe(`${server.origin}/oauth/device?user_code=${user_code}`)
  })

  it('8628-3.5 five seconds more after each slow_down', async () => {
    const { pauses, code } = await run({}, (device) => answerDevice(ada, device), { after: 3 })
    expect(code).toBe(0)
    // Nothing really waits here, so that the second poll already comes too early.
    expect(pauses).toEqual([5, 5, 10, 15])
  })

  it('8628-3.5 a person who says no is told of in one line', async () => {
    const { code, errors } = await run({}, (device) =>
      answerDevice(ada, device, { decision: 'deny' }),
    )
    expect(code).toBe(1)
    expect(errors).toMatch(/^portcullis token: access_denied.*\n$/)
  })

  it('8628-3.5 it gives up when nobody answers in time', async () => {
    const { code, errors, pauses } = await run({ timeout: '12' }, async () => {}, { after: 99 })
    expect(code).toBe(1)
    expect(errors).toBe('portcullis token: nobody allowed it within 12 s\n')
    expect(pauses).toEqual([5, 5])
  })

  it('6749-2.3.1 a confidential client proves itself at both endpoints; its secret is not shown', async () => {
    const { code, output } = await run(
      { clientId: 'kiosk', clientSecret: '-' },
      (device) => answerDevice(ada, device),
      { secret: 'kiosk-secret\n' },
    )
    expect(code).toBe(0)
    expect(output).not.toContain('kiosk-secret')
  })

  it('--json prints the answer alone on standard output', async () => {
    const { output, errors } = await run({ json: true }, (device) => answerDevice(ada, device))
    expect(JSON.parse(output)).toMatchObject({ token_type: 'Bearer' })
    expect(errors).toMatch(/[█▀▄]{7}/)
  })

  it('a client that is no device is told why', async () => {
    const { code, errors } = await run({ clientId: 'web' }, async () => {})
    expect(code).toBe(1)
    expect(errors).toContain('unauthorized_client')
  })

  it.each([
    [{ manual: true }, '--device and --manual are two ways'],
    [{ redirectUri: 'http://127.0.0.1:1/cb' }, '--device needs no --redirect-uri'],
  ])('%j does not go with it', async (options, says) => {
    const { code, errors } = await run(options, async () => {})
    expect(code).toBe(2)
    expect(errors).toContain(says)
  })
})

describe('the QR code of a terminal', () => {
  const url = 'https://auth.example.com/oauth/device?user_code=WDJB-MJHT'

  it('8628-3.3.1 is read by a reader, on a dark terminal', () => {
    expect(read(qrCode(url, { colour: false }).trimEnd().split('\n'), false)).toBe(url)
  })

  it('8628-3.3.1 with colours it is black on white whatever the terminal has', () => {
    const lines = qrCode(url, { colour: true }).trimEnd().split('\n')
    const [before, after] = ['\u001b[38;5;16;48;5;231m', '\u001b[0m']
    expect(lines.every((line) => line.startsWith(before) && line.endsWith(after))).toBe(true)
    const bare = lines.map((line) => line.slice(before.length, -after.length))
    expect(read(bare, true)).toBe(url)
  })

  it('fits a terminal of 80 columns and 24 lines', () => {
    const lines = qrCode(url, { colour: false }).trimEnd().split('\n')
    expect(lines.length).toBeLessThanOrEqual(23)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
  })
})

/** What a reader makes of a drawn code; `inked`: what is drawn is dark. */
const read = (lines: readonly string[], inked: boolean): string | undefined => {
  const rows = lines.flatMap((line) => [
    [...line].map((glyph) => '█▀'.includes(glyph)),
    [...line].map((glyph) => '█▄'.includes(glyph)),
  ])
  const SCALE = 4
  const width = (rows[0]?.length ?? 0) * SCALE
  const height = rows.length * SCALE
  const pixels = new Uint8ClampedArray(width * height * 4).fill(255)
  rows.forEach((row, y) => {
    row.forEach((drawn, x) => {
      if (drawn !== inked) return
      for (let dy = 0; dy < SCALE; dy += 1)
        for (let dx = 0; dx < SCALE; dx += 1)
          pixels.fill(
            0,
            ((y * SCALE + dy) * width + x * SCALE + dx) * 4,
            ((y * SCALE + dy) * width + x * SCALE + dx) * 4 + 3,
          )
    })
  })
  const reader = readQrCode as unknown as typeof readQrCode.default
  return reader(pixels, width, height)?.data
}
