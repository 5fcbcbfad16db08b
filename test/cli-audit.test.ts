import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient } from './support/client.ts'
import { runCommand, startCommand } from './support/command-line.ts'
import { spawnPortcullis, until } from './support/portcullis.ts'

const SECRET = 'machine-secret-of-32-characters-and-more'

let running: Awaited<ReturnType<typeof spawnPortcullis>>
beforeAll(async () => {
  running = await spawnPortcullis(`
scopes: { a: See a }
upstreams: { api: 'http://127.0.0.1:9' }
routes: [{ path: /a/*, upstream: api, scope: a }]
secret: [first-secret-of-more-than-32-characters]
clients:
  - { client_id: machine, client_secret: ${SECRET}, grant_types: [client_credentials], scope: a }
`)
})
afterAll(() => running.stop())

const file = () => join(running.folder, 'portcullis.yaml')
const command = (...argv: readonly string[]) => runCommand([...argv, '--config', file()])
const documentOf = async (...argv: readonly string[]) => {
  const { code, output, errors } = await command(...argv, '--json')
  expect({ code, errors }).toEqual({ code: 0, errors: '' })
  return JSON.parse(output)
}
const disable = (reason: string) => command('client', 'disable', 'machine', '--reason', reason)
const enable = () => command('client', 'enable', 'machine')
const events = async (...argv: readonly string[]) => (await documentOf('audit', ...argv)).items

describe('portcullis audit', () => {
  it('who did what, newest first, narrowed by event, client and time', async () => {
    await disable('for a test')
    await enable()
    await until(async () => (await events('--client', 'machine')).length >= 2)
    const found = await events('--event', 'client.', '--client', 'machine', '--since', '1h')
    const names = found.map(({ event }: { event: string }) => event)
    expect(names.at(0)).toBe('client.enabled')
    expect(names.at(-1)).toBe('client.disabled')
    expect(found.at(-1).fields).toMatchObject({ reason: 'for a test', actor: 'admin token' })
    expect(await events('--client', 'machine', '--until', '1h')).toEqual([])
    expect(await events('--client', 'machine', '--since', '2099-01-31')).toEqual([])
    expect(await events('--account', 'nobody')).toEqual([])
    expect((await command('audit', '--account', 'nobody')).output).toBe('no events\n')
  })

  it('a line an event for people; what came from elsewhere steers no terminal', async () => {
    await disable('\u001b[2Jgone\nforged')
    await enable()
    await until(async () => /2Jgone/.test((await command('audit')).output))
    const { output } = await command('audit', '--event', 'client.disabled')
    expect(output).not.toContain('\u001b')
    const [line] = output.split('\n').filter((text) => text.includes('2Jgone'))
    expect(line).toMatch(/^\d{4}-\d\d-\d\dT[\d:]+Z {2}client\.disabled .*client_id=machine.*forged/)
  })

  it('a time that is none is a mistake', async () => {
    expect((await command('audit', '--since', 'yesterday')).code).toBe(2)
  })

  it('--follow tells what happens from then on, one document a line, until interrupted', async () => {
    const argv = ['audit', '--follow', '--json', '--event', 'client.', '--config', file()]
    const following = startCommand(argv)
    // What was there before is not told; so it goes on until something new is.
    let count = 0
    await until(async () => {
      count += 1
      await disable(`followed ${count}`)
      await enable()
      return following.output().includes('followed')
    }, 20)
    following.signal('SIGINT')
    const { code, output } = await following.ended
    expect(code).toBe(0)
    const told = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(new Set(told.map(({ id }) => id)).size).toBe(told.length)
    expect(output).not.toContain('for a test')
    const times = told.map(({ at }) => at)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
  })
})

describe('portcullis key', () => {
  const kidOf = (token: string) =>
    Buffer.from(token.slice('pc_at_'.length), 'base64url').subarray(0, 2).toString('hex')
  const minted = async () => {
    const { post } = createClient(running.origin, 'machine', { secret: SECRET })
    return kidOf(
      String((await post('token', { grant_type: 'client_credentials' })).body.access_token),
    )
  }
  const replace = async (former: string, next: string) =>
    writeFile(file(), (await readFile(file(), 'utf8')).replace(former, next))
  const kids = async () => (await documentOf('key')).items.map(({ kid }: { kid: string }) => kid)

  it('a rotation by the steps that key new prints: verify, then mint, then the former one goes', async () => {
    const { secret, kid } = JSON.parse((await runCommand(['key', 'new', '--json'])).output)
    const [first] = await kids()
    expect(await minted()).toBe(first)
    const former = 'first-secret-of-more-than-32-characters'
    await replace(`[${former}]`, `[${former}, '${secret}']`)
    await until(async () => (await kids()).length === 2)
    expect(await documentOf('key', 'list')).toEqual({
      items: [
        { kid: first, mints: true },
        { kid, mints: false },
      ],
    })
    expect(await minted()).toBe(first)
    await replace(`[${former}, '${secret}']`, `['${secret}', ${former}]`)
    await until(async () => (await kids())[0] === kid)
    expect(await minted()).toBe(kid)
    await replace(`['${secret}', ${former}]`, `['${secret}']`)
    await until(async () => (await kids()).length === 1)
    expect((await command('key')).output).toBe(`KID   USE\n${kid}  mints, verifies\n`)
  })

  it('key new prints the secret alone on standard output, another each time', async () => {
    const [one, other] = await Promise.all([runCommand(['key', 'new']), runCommand(['key', 'new'])])
    expect(one.output).toMatch(/^[\w-]{43}\n$/)
    expect(one.output).not.toBe(other.output)
    expect(one.errors).toMatch(/END of the list secret:.*FRONT/s)
    expect(one.errors).not.toContain(one.output.trim())
  })

  it('no secret of the configuration is shown', async () => {
    const { output } = await command('key', '--json')
    expect(output).not.toContain('first-secret')
  })
})
