import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashPassword } from '../src/store/passwords.ts'
import { createClient } from './support/client.ts'
import { runCommand, type Surroundings } from './support/command-line.ts'
import { createPerson } from './support/person.ts'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'

let portcullis: Portcullis
beforeAll(async () => {
  portcullis = await startPortcullis(`
registration: token
scopes: { orders.read: See your orders, orders.write: Change your orders }
upstreams: { orders: 'http://127.0.0.1:9' }
routes: [{ path: /orders/*, upstream: orders, scope: orders.read }]
clients:
  - client_id: shop
    redirect_uris: ['http://127.0.0.1:5/callback']
    grant_types: [authorization_code, refresh_token]
accounts:
  - { username: filed, password: '${await hashPassword('password-of-the-file')}' }
`)
})
afterAll(() => portcullis.stop())

const at = () => ['--config', `${portcullis.folder}/portcullis.yaml`]
const command = (argv: readonly string[], surroundings: Surroundings = {}) =>
  runCommand([...argv, ...at()], surroundings)

const documentOf = async (argv: readonly string[], surroundings?: Surroundings) => {
  const { code, output, errors } = await command([...argv, '--json'], surroundings)
  expect({ code, errors }).toMatchObject({ code: 0 })
  return JSON.parse(output)
}

const PASSWORD = 'correct horse battery staple'
const made = (username: string, more: readonly string[] = []) =>
  documentOf(['account', 'create', username, ...more], { input: `${PASSWORD}\n` })

const shop = () =>
  createClient(portcullis.origin, 'shop', { redirect_uri: 'http://127.0.0.1:5/callback' })

/** Signs in and allows; resolves to the tokens. */
const authorized = async (username: string, password = PASSWORD) => {
  const client = shop()
  const callback = await createPerson(username, password).authorize(
    client.authorizationUrl({ scope: 'orders.read' }).href,
  )
  return { client, tokens: await client.redeem(callback) }
}

describe('portcullis account', () => {
  it('create reads the password from standard input; whoever was made can sign in', async () => {
    const account = await made('grace', ['--name', 'Grace Hopper', '--scope', 'orders.read'])
    expect(account).toMatchObject({
      ...{ username: 'grace', name: 'Grace Hopper', scope: 'orders.read', source: 'operator' },
    })
    expect(JSON.stringify(account)).not.toContain(PASSWORD)
    expect((await authorized('grace')).tokens.status).toBe(200)
  })

  it('asks twice on a terminal, and takes no two that differ', async () => {
    const surroundings = { terminal: true, input: `${PASSWORD}\nanother\n` }
    const { code, output, errors } = await command(['account', 'create', 'twice'], surroundings)
    expect({ code, output }).toEqual({ code: 1, output: '' })
    expect(errors).toContain('the two are not the same')
    expect(errors).not.toContain(PASSWORD)
    expect((await command(['account', 'create', 'none'])).errors).toMatch(/nothing came.*\n$/)
  })

  it('there is no option for a password', async () => {
    const argv = ['account', 'create', 'x', '--password', 'a-password-of-somebody']
    const { code, output, errors } = await command(argv)
    expect(code).toBe(2)
    expect(output + errors).not.toContain('a-password-of-somebody')
  })

  it('list and show: those of the file say their line; search narrows', async () => {
    await made('searched', ['--email', 'searched@example.com'])
    const { items } = await documentOf(['account', 'list'])
    expect(items[0]).toMatchObject({ username: 'filed', source: 'file', line: expect.any(Number) })
    const table = await command(['account', 'list', '--search', 'SEARCHED@'])
    expect(table.output).toMatch(
      /^SUB +USERNAME +NAME +EMAIL +ADMIN +SOURCE +STATE\n\S+ +searched +- +searched@example\.com +- +operator +enabled\n$/,
    )
    expect((await command(['account', 'show', 'filed'])).output).toMatch(
      /^source +file, line \d+$/m,
    )
  })

  it('update changes what is given; --unset takes it away', async () => {
    const before = await made('updated', ['--name', 'Before', '--email', 'a@example.com'])
    const argv = ['account', 'update', before.sub, '--unset', 'email', '--admin-role', 'viewer']
    const after = await documentOf(argv)
    expect(after).toMatchObject({ name: 'Before', admin: 'viewer' })
    expect(after).not.toHaveProperty('email')
    expect((await command(['account', 'update', before.sub])).code).toBe(2)
  })

  it('set-password: the new one is good and the former one is not', async () => {
    const { sub } = await made('changed')
    const input = 'another correct horse battery\n'
    expect((await command(['account', 'set-password', sub], { input })).code).toBe(0)
    expect((await authorized('changed', input.trim())).tokens.status).toBe(200)
    await expect(authorized('changed')).rejects.toThrow()
  })

  it('disable ends what they gave; enable lets them in again; delete ends all', async () => {
    const { sub } = await made('paused')
    const { client, tokens } = await authorized('paused')
    const disabled = await documentOf(['account', 'disable', sub, '--reason', 'on leave'])
    expect(disabled.disabled).toMatchObject({ reason: 'on leave' })
    expect((await client.refresh(tokens.body.refresh_token)).status).toBe(400)
    expect((await command(['account', 'enable', sub])).code).toBe(0)
    expect((await authorized('paused')).tokens.status).toBe(200)
    expect((await command(['account', 'delete', sub])).code).toBe(2)
    expect((await command(['account', 'delete', sub, '--yes'])).code).toBe(0)
    expect((await command(['account', 'show', sub])).code).toBe(1)
  })
})

describe('an account by its username', () => {
  it('is the same as by its sub; a sub goes first', async () => {
    const { sub } = await made('named', ['--sub', 'the-sub-of-named'])
    const other = await made('the-sub-of-named')
    expect(other.sub).not.toBe(sub)
    expect((await documentOf(['account', 'show', 'named'])).sub).toBe(sub)
    expect((await documentOf(['account', 'show', 'the-sub-of-named'])).sub).toBe(sub)
    await authorized('named')
    expect((await documentOf(['grant', 'list', '--account', 'named'])).items).toHaveLength(1)
    expect((await documentOf(['session', 'list', '--account', 'named'])).items).toHaveLength(1)
    expect((await command(['account', 'disable', 'name', '--reason', 'x'])).code).toBe(1)
  })
})

describe('portcullis grant', () => {
  it('list, show and end: who has access to what, and then no longer', async () => {
    const { sub } = await made('granting')
    const { client, tokens } = await authorized('granting')
    const { items } = await documentOf(['grant', 'list', '--account', sub])
    expect(items).toEqual([
      expect.objectContaining({ client_id: 'shop', sub, scope: ['orders.read'] }),
    ])
    const [{ id }] = items
    const both = await command(['grant', 'list', '--client', 'shop', '--account', sub])
    expect(both.output).toMatch(new RegExp(`^ID .*\\n${id} +shop +${sub} +orders\\.read `))
    expect((await documentOf(['grant', 'show', id])).id).toBe(id)
    expect((await command(['grant', 'end', id])).code).toBe(0)
    expect((await client.refresh(tokens.body.refresh_token)).body.error).toBe('invalid_grant')
    expect((await command(['grant', 'list', '--account', sub])).output).toBe('no grants\n')
    expect((await command(['grant', 'end', id])).code).toBe(1)
  })

  it('list without a client or a person: of everybody, page by page, by scope, and unused', async () => {
    for (const username of ['first', 'second', 'third']) {
      await made(username)
      await authorized(username)
    }
    const all = await documentOf(['grant', 'list', '--all'])
    const ids = (listed: { items: { id: string }[] }) => listed.items.map(({ id }) => id)
    expect(ids(all).length).toBeGreaterThanOrEqual(3)
    expect(all).not.toHaveProperty('next')
    const [one, other] = [
      await command(['grant', 'list', '--limit', '1']),
      await documentOf(['grant', 'list', '--limit', '2']),
    ]
    expect(one.output).toMatch(/^ID .*\n.*\n\(more: --all, or --cursor \S+\)\n$/)
    const rest = await documentOf(['grant', 'list', '--all', '--cursor', other.next])
    expect([...ids(other), ...ids(rest)]).toEqual(ids(all))
    expect(ids(await documentOf(['grant', 'list', '--scope', 'orders.read']))).toEqual(ids(all))
    const none = ['--scope', 'orders.write'] as const
    expect((await command(['grant', 'list', ...none])).output).toBe('no grants\n')
    expect((await command(['grant', 'list', '--unused', '1'])).output).toBe('no grants\n')
    expect((await command(['grant', 'list', '--cursor', 'x'])).code).toBe(1)
  })
})

describe('portcullis session', () => {
  it('list and end: where somebody is signed in, and then no longer', async () => {
    const { sub } = await made('signed')
    await authorized('signed')
    await authorized('signed')
    const { items } = await documentOf(['session', 'list', '--account', sub])
    expect(items).toHaveLength(2)
    expect((await command(['session', 'end', items[0].id, '--account', sub])).code).toBe(0)
    expect((await documentOf(['session', 'list', '--account', sub])).items).toEqual([items[1]])
    expect((await command(['session', 'end', '--account', sub])).code).toBe(2)
    expect((await command(['session', 'end', '--all', '--account', sub])).code).toBe(0)
    const table = await command(['session', 'list', '--account', sub])
    expect(table.output).toBe('no sessions\n')
  })
})

describe('an id that begins with a dash', () => {
  it.each([
    ['session', 'end', '-ZNotAnOption_234567890', '--account', 'ada'],
    ['grant', 'show', '-ZNotAnOption_2345678', '--json'],
    ['grant', 'end', '-ZNotAnOption_2345678'],
    ['registration-token', 'withdraw', '-ZNotAnOption_2345678'],
  ])('is looked for, and no option: %s %s', async (...words) => {
    // 2: misuse.
    expect((await command(words)).code).not.toBe(2)
  })
})

describe('portcullis registration-token', () => {
  const register = (token: string) =>
    fetch(`${portcullis.origin}/oauth/register`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: ['https://team.example/callback'] }),
    })

  it('7591-3 create prints the token alone; it registers as many clients as it may', async () => {
    const argv = [
      'registration-token',
      'create',
      '--note',
      'team',
      '--expires',
      '2h',
      '--uses',
      '1',
    ]
    const { code, output } = await command(argv)
    expect(code).toBe(0)
    expect(output).toMatch(/^pc_ia_[\w-]+\n$/)
    expect((await register(output.trim())).status).toBe(201)
    expect((await register(output.trim())).status).toBe(401)
  })

  it('list shows no values; withdraw makes one good no more', async () => {
    const argv = ['registration-token', 'create', '--note', 'other']
    const { id, initial_access_token } = await documentOf(argv)
    const table = await command(['registration-token', 'list'])
    expect(table.output).toMatch(new RegExp(`^${id} +other `, 'm'))
    expect(table.output).not.toContain(initial_access_token)
    expect((await command(['registration-token', 'withdraw', id])).code).toBe(0)
    expect((await register(initial_access_token)).status).toBe(401)
  })
})
