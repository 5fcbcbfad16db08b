import { Readable, Writable } from 'node:stream'

import { token } from '../../src/cli/token.ts'
import { loadConfiguration } from '../../src/config/load.ts'
import { createPerson } from './person.ts'
import { until } from './portcullis.ts'

/**
 * What the README promises a newcomer, done from outside to what `npm start` started: 401, a token by the sample client
 * while a person signs in and consents, 200, revocation, 401. Ends with 1 when any of it fails.
 */
const main = async (): Promise<void> => {
  const { issuer, account } = await demo()
  const orders = `${issuer}/orders`
  await until(async () => (await statusOf(`${issuer}/demo`).catch(() => 0)) === 200, 60)
  step('the demo page answers', true)
  step('401 without a token', (await statusOf(orders)) === 401)

  const { code, answer } = await obtainToken(issuer, orders, account)
  step('a token by the sample client', code === 0 && typeof answer.access_token === 'string')
  step('200 with the token', answer.call?.status === 200)

  const form = new URLSearchParams({ client_id: 'cli', token: answer.access_token ?? '' })
  const revoked = await statusOf(`${issuer}/oauth/revoke`, { method: 'POST', body: form })
  step('revocation', revoked === 200)
  const headers = { authorization: `Bearer ${answer.access_token}` }
  step('401 with the revoked token', (await statusOf(orders, { headers })) === 401)
}

const demo = async () => {
  const loaded = await loadConfiguration('config/demo.yaml', {})
  if ('problems' in loaded) throw new Error('config/demo.yaml has problems')
  const { issuer, accounts } = loaded.config
  const [account] = accounts
  if (!account) throw new Error('config/demo.yaml has no account')
  return { issuer, account }
}

const obtainToken = async (
  issuer: string,
  call: string,
  { username, password }: { username: string; password: string },
) => {
  const [stdout, stderr] = [recorder(), recorder()]
  const openBrowser = async (url: string): Promise<void> => {
    const { browser, authorize } = createPerson(username, password)
    await browser.open((await authorize(url)).href)
  }
  const code = await token(
    { issuer, call, json: true, timeout: '30' },
    { stdin: Readable.from([]), stdout: stdout.stream, stderr: stderr.stream, openBrowser },
  )
  if (code !== 0) console.log(stderr.text())
  return { code, answer: JSON.parse(stdout.text()) }
}

const recorder = () => {
  let text = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk)
      done()
    },
  })
  return { stream, text: () => text }
}

const statusOf = async (url: string, init: RequestInit = {}): Promise<number> => {
  const answer = await fetch(url, { redirect: 'manual', ...init })
  await answer.body?.cancel()
  return answer.status
}

const step = (name: string, holds: boolean): void => {
  console.log(`${holds ? 'ok    ' : 'NOT OK'} ${name}`)
  if (!holds) process.exitCode = 1
}

await main()
