import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient } from './support/client.ts'
import { type Ran, runCommand, type Surroundings, spawnCommand } from './support/command-line.ts'
import { freePort, type Portcullis, startPortcullis } from './support/portcullis.ts'

let portcullis: Portcullis
beforeAll(async () => {
  portcullis = await startPortcullis(`
scopes: { orders.read: See your orders, orders.write: Change your orders }
upstreams: { orders: 'http://127.0.0.1:9' }
routes: [{ path: /orders/*, upstream: orders, scope: orders.read }]
clients:
  - { client_id: filed, client_name: Of the file, redirect_uris: ['https://filed.example/callback'] }
`)
})
afterAll(() => portcullis.stop())

const at = () => ['--config', `${portcullis.folder}/portcullis.yaml`]
const client = (argv: readonly string[], surroundings: Surroundings = {}): Promise<Ran> =>
  runCommand(['client', ...argv, ...at()], surroundings)

/** The document that a command printed with --json. */
const documentOf = async (argv: readonly string[], surroundings?: Surroundings) => {
  const { code, output, errors } = await client([...argv, '--json'], surroundings)
  expect(errors).not.toMatch(/portcullis client/)
  expect(code).toBe(0)
  return JSON.parse(output)
}

const MACHINE = ['--grant-type', 'client_credentials', '--scope', 'orders.read']
const SHOP = ['--redirect-uri', 'https://shop.example/callback', '--scope', 'orders.read']

const tokenWith = async (client_id: string, secret: string): Promise<number> => {
  const { post } = createClient(portcullis.origin, client_id, { secret })
  return (await post('token', { grant_type: 'client_credentials' })).status
}

describe('portcullis client create', () => {
  it('7591-2 takes the words of RFC 7591, and prints the secret, which works, this once', async () => {
    const made = await client([
      'create',
      '--client-id',
      'nightly',
      '--client-name',
      'Nightly',
      ...MACHINE,
    ])
    expect(made.code).toBe(0)
    const [, secret = ''] = /^client_secret +(pc_cs_\S+)$/m.exec(made.output) ?? []
    expect(await tokenWith('nightly', secret)).toBe(200)
    expect(made.errors).toBe('The secret is not shown again.\n')
    const shown = await client(['show', 'nightly'])
    expect(shown.output).toMatch(/^client_name +Nightly$/m)
    expect(shown.output).toMatch(/^kind +confidential$/m)
    for (const argv of [['show', 'nightly'], ['list']])
      expect((await client([...argv, '--json'])).output).not.toContain(secret)
  })

  it('7591-2 --public makes one without a secret; lifetimes and several redirect URIs', async () => {
    const uris = ['com.example.app:/callback', 'http://127.0.0.1/callback']
    const made = await documentOf([
      ...['create', '--public', '--client-name', 'App', '--lifetime', 'accessToken=5m'],
      ...uris.flatMap((uri) => ['--redirect-uri', uri]),
      ...['--grant-type', 'authorization_code', '--grant-type', 'device_code'],
    ])
    expect(made).not.toHaveProperty('client_secret')
    expect(made).toMatchObject({
      ...{ redirect_uris: uris, tokens: { accessToken: 300 }, secrets: 0 },
      grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
    })
  })

  it('takes a whole client as JSON from standard input; options go before it', async () => {
    const input = JSON.stringify({
      client_name: 'Of JSON',
      redirect_uris: ['https://a.example/cb'],
    })
    const made = await documentOf(['create', '--json-file', '-', '--client-name', 'Named'], {
      input,
    })
    expect(made).toMatchObject({ client_name: 'Named', redirect_uris: ['https://a.example/cb'] })
  })

  it('takes a secret that there is from standard input', async () => {
    const input = 'a-secret-that-another-system-made\n'
    const argv = ['create', '--client-id', 'moved', '--client-secret', '-', ...MACHINE]
    expect((await client(argv, { input })).code).toBe(0)
    expect(await tokenWith('moved', input.trim())).toBe(200)
  })

  it('a secret on the command line is refused, and not repeated', async () => {
    const { code, output, errors } = await client([
      ...['create', '--client-id', 'x', '--client-secret', 'a-secret-of-somebody', ...MACHINE],
    ])
    expect(code).toBe(2)
    expect(errors).toMatch(/^portcullis client create: --client-secret takes - alone.*\n$/)
    expect(output + errors).not.toContain('a-secret-of-somebody')
  })

  it('all that is wrong is told in one line, with its place', async () => {
    const argv = ['create', '--redirect-uri', 'nowhere', '--scope', 'orders.raed']
    const { code, output, errors } = await client(argv)
    expect({ code, output }).toEqual({ code: 1, output: '' })
    expect(errors).toMatch(
      /^portcullis client create: \/redirect_uris\/0 must .*; \/scope .*orders\.read.*\n$/,
    )
  })

  it('what went wrong is one JSON document with --json', async () => {
    const { code, output } = await client(['create', '--redirect-uri', 'nowhere', '--json'])
    expect(code).toBe(1)
    expect(JSON.parse(output)).toEqual({ error: expect.stringContaining('/redirect_uris/0') })
  })
})

describe('portcullis client update', () => {
  const made = async (client_id: string) => {
    await documentOf(['create', '--client-id', client_id, '--lifetime', 'accessToken=1h', ...SHOP])
    return client_id
  }

  it('changes what is given, and leaves the rest, the secret too', async () => {
    const id = await made('changed')
    const before = await documentOf(['show', id])
    const after = await documentOf(['update', id, '--client-name', 'New', '--no-require-pkce'])
    expect(after).toEqual({ ...before, client_name: 'New', require_pkce: false })
  })

  it('--unset takes a value away, and a lifetime joins the others', async () => {
    const id = await made('narrowed')
    const after = await documentOf(['update', id, '--unset', 'scope', '--lifetime', 'grant=30d'])
    expect(after).not.toHaveProperty('scope')
    expect(after.tokens).toMatchObject({ accessToken: 3600, grant: 2_592_000 })
  })

  it('RFC 7396 null takes a value away', async () => {
    const id = await made('merged')
    const input = '{"scope": null, "tokens": {"accessToken": null}}'
    const after = await documentOf(['update', id, '--json-file', '-'], { input })
    expect(after).not.toHaveProperty('scope')
    expect(after.tokens).toEqual({})
  })

  it('RFC 9110 13.1.1 nobody’s change is lost: of two at once one is told to read again, or both are in', async () => {
    const id = await made('raced')
    const changes = [1, 2, 3, 4].map((n) => ['--client-uri', `https://shop.example/${n}`])
    const named = ['--client-name', 'Named']
    const ran = await Promise.all(
      [...changes, named].map((argv) => client(['update', id, ...argv])),
    )
    const refused = ran.filter(({ code }) => code !== 0)
    for (const { errors } of refused) expect(errors).toMatch(/Somebody has changed it since/)
    expect(refused.length).toBeLessThan(ran.length)
    const after = await documentOf(['show', id])
    if (ran.at(-1)?.code === 0) expect(after.client_name).toBe('Named')
    expect(after.client_uri !== undefined).toBe(ran.slice(0, -1).some(({ code }) => code === 0))
  })

  it('nothing to change, and a client of the file, are mistakes', async () => {
    expect((await client(['update', 'filed'])).code).toBe(2)
    const { code, errors } = await client(['update', 'filed', '--client-name', 'X'])
    expect(code).toBe(1)
    expect(errors).toMatch(/^portcullis client update: The configuration file declares it.*\n$/)
  })
})

describe('portcullis client rotate-secret, disable, enable, delete', () => {
  const machine = async (client_id: string): Promise<string> =>
    (await documentOf(['create', '--client-id', client_id, ...MACHINE])).client_secret

  it('rotate-secret prints the new secret alone; the former one stays good', async () => {
    const former = await machine('rotated')
    const { code, output } = await client(['rotate-secret', 'rotated', '--overlap', '1h'])
    expect(code).toBe(0)
    expect(output).toMatch(/^pc_cs_[\w-]+\n$/)
    expect(await tokenWith('rotated', output.trim())).toBe(200)
    expect(await tokenWith('rotated', former)).toBe(200)
  })

  it('rotate-secret --overlap 0s: the former one is over', async () => {
    const former = await machine('leaked')
    const { client_secret } = await documentOf(['rotate-secret', 'leaked', '--overlap', '0s'])
    expect(await tokenWith('leaked', client_secret)).toBe(200)
    expect(await tokenWith('leaked', former)).toBe(401)
  })

  it('a disabled one is refused until it is enabled; the reason is shown, and steers no terminal', async () => {
    const secret = await machine('paused')
    const reason = 'left \u001b[31mopen'
    expect((await client(['disable', 'paused', '--reason', reason])).code).toBe(0)
    expect(await tokenWith('paused', secret)).toBe(401)
    const shown = await client(['show', 'paused'])
    expect(shown.output).toMatch(/^disabled .* left \uFFFD\[31mopen$/m)
    expect((await documentOf(['show', 'paused'])).disabled.reason).toBe(reason)
    expect((await client(['enable', 'paused'])).code).toBe(0)
    expect(await tokenWith('paused', secret)).toBe(200)
  })

  it('delete asks; where there is nobody to ask it takes --yes', async () => {
    await machine('gone')
    expect((await client(['delete', 'gone'])).code).toBe(2)
    const wrong = await client(['delete', 'gone'], { terminal: true, input: 'other\n' })
    expect(wrong.code).toBe(1)
    expect((await client(['show', 'gone'])).code).toBe(0)
    const right = await client(['delete', 'gone'], { terminal: true, input: 'gone\n' })
    expect(right.code).toBe(0)
    expect((await client(['show', 'gone'])).code).toBe(1)
    await machine('gone-too')
    expect(await documentOf(['delete', 'gone-too', '--yes'])).toMatchObject({ deleted: true })
  })

  it.each(['unknown', '..', '.', 'a/../../clients/filed', ''])(
    'of %j there is none',
    async (id) => {
      const { code, errors } = await client(['delete', id, '--yes'])
      expect(code).toBe(1)
      expect(errors.split('\n')).toHaveLength(2)
      expect((await client(['show', 'filed'])).code).toBe(0)
    },
  )
})

describe('portcullis client list', () => {
  it('is a table of aligned columns, those of the file first', async () => {
    const { output } = await client(['list', '--source', 'file'])
    expect(output).toBe(
      [
        'CLIENT_ID  NAME         KIND    GRANT_TYPES         SOURCE  STATE    LAST_USED',
        'filed      Of the file  public  authorization_code  file    enabled  -',
        '',
      ].join('\n'),
    )
  })

  it('pages: --limit, then --cursor, is what --all has', async () => {
    for (const name of ['p1', 'p2', 'p3']) await client(['create', '--client-id', name, ...MACHINE])
    const all = await documentOf(['list', '--all'])
    expect(all).not.toHaveProperty('next')
    const first = await documentOf(['list', '--limit', '12'])
    const rest = await documentOf(['list', '--all', '--cursor', first.next])
    expect([...first.items, ...rest.items]).toEqual(all.items)
    const text = await client(['list', '--limit', '12'])
    expect(text.output).toContain(`--cursor ${first.next})`)
  })

  it('--search and --source narrow it, and an empty list says so', async () => {
    const { items } = await documentOf(['list', '--search', 'OF THE F'])
    expect(items.map(({ client_id }: { client_id: string }) => client_id)).toEqual(['filed'])
    expect((await client(['list', '--source', 'registered'])).output).toBe('no clients\n')
    expect((await client(['list', '--source', 'elsewhere'])).code).toBe(2)
  })

  it('colours on a terminal alone, and not with NO_COLOR', async () => {
    const ESCAPE = '\u001b['
    expect((await client(['list'])).output).not.toContain(ESCAPE)
    expect((await client(['list'], { terminal: true })).output).toContain(ESCAPE)
    const without = { terminal: true, env: { NO_COLOR: '1' } }
    expect((await client(['list'], without)).output).not.toContain(ESCAPE)
  })
})

describe('the way to the gateway', () => {
  it('--admin and PORTCULLIS_ADMIN_TOKEN need no configuration', async () => {
    const argv = ['client', 'list', '--admin', portcullis.admin]
    const wrong = await runCommand(argv, { env: { PORTCULLIS_ADMIN_TOKEN: 'x' } })
    expect(wrong).toMatchObject({ code: 1, output: '' })
    expect(wrong.errors).toMatch(/^portcullis client list: \S+ takes another admin token\n$/)
  })

  it('a gateway that does not run is one line, and no stack', async () => {
    const argv = ['client', 'list', '--admin', `http://127.0.0.1:${await freePort()}`]
    const ran = await spawnCommand(argv, { env: { PORTCULLIS_ADMIN_TOKEN: 'x' } })
    expect(ran.code).toBe(1)
    expect(ran.errors).toMatch(/^portcullis client list: \S+ does not answer \(ECONNREFUSED\)\n$/)
  })

  it('as a process: 0 with data on standard output, 2 for what it does not know', async () => {
    const ran = await spawnCommand(['client', 'list', '--json', ...at()])
    expect(ran).toMatchObject({ code: 0, errors: '' })
    expect(JSON.parse(ran.output).items[0]).toMatchObject({ client_id: 'filed' })
    const wrong = await spawnCommand(['client', 'lst'])
    expect(wrong.code).toBe(2)
    expect(wrong.errors).not.toMatch(/\n\s+at /)
  })
})

describe('portcullis client export and import', () => {
  it('moves clients with their secrets to another gateway, and tells of each', async () => {
    const secret = (await documentOf(['create', '--client-id', 'moves', ...MACHINE])).client_secret
    const exported = await documentOf(['export'])
    expect(JSON.stringify(exported)).not.toContain(secret)
    const other = await startPortcullis(`
scopes: { orders.read: See your orders }
upstreams: { orders: 'http://127.0.0.1:9' }
routes: [{ path: /orders/*, upstream: orders, scope: orders.read }]
`)
    try {
      const moves = exported.clients.filter(
        ({ client_id }: { client_id: string }) => client_id === 'moves',
      )
      const input = JSON.stringify({ clients: [...moves, { client_id: 'bad' }] })
      const config = ['--config', `${other.folder}/portcullis.yaml`]
      const ran = await runCommand(['client', 'import', '-', '--json', ...config], { input })
      expect(ran.code).toBe(1)
      expect(JSON.parse(ran.output).items).toEqual([
        { client_id: 'moves', outcome: 'created' },
        { client_id: 'bad', outcome: 'invalid', problem: expect.stringContaining('redirect_uris') },
      ])
      const { post } = createClient(other.origin, 'moves', { secret })
      expect((await post('token', { grant_type: 'client_credentials' })).status).toBe(200)
      const again = await runCommand(['client', 'import', '-', ...config], { input })
      expect(again.output).toMatch(/^moves +taken/m)
    } finally {
      await other.stop()
    }
  })

  it('what is no export is a mistake in one line', async () => {
    for (const input of ['', '[]', '{}']) {
      const { code, errors } = await client(['import', '-'], { input })
      expect(code).toBe(1)
      expect(errors.split('\n')).toHaveLength(2)
    }
    expect((await client(['import', '/nowhere.json'])).errors).toContain('ENOENT')
  })
})
