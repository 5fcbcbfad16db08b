import { createHmac, hkdfSync } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { adminToken } from '../src/store/admin-token.ts'
import { keptSecret } from '../src/store/kept-secret.ts'
import { openStores } from '../src/store/open.ts'
import { createSecrets, digest, type MintedPurpose, type Purpose } from '../src/store/secrets.ts'
import { StoreRefused } from '../src/store/store.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { authorize } from './support/rooms.ts'
import { client, startStoreProcess, storeConfig, temporaryFolder } from './support/stores.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const inFolder = (): string => {
  const folder = temporaryFolder()
  closers.push(folder.remove)
  return join(folder.path, 'store.db')
}

const OLD = 'the old secret of these tests'
const NEW = 'the new secret of these tests'
const MINTED: readonly MintedPurpose[] = [
  'access-token',
  'authorization-code',
  'pushed-request',
  'session',
  'browser',
]
const TAGGED: readonly Purpose[] = ['csrf', 'request', 'browser', 'session', 'access-token']

describe('the keyed tag', () => {
  const raw = (secret: string, info: string): Buffer =>
    Buffer.from(hkdfSync('sha256', secret, 'portcullis', info, 32))

  it('is HMAC-SHA-256 (RFC 2104) over the fields, each with its length before it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 16 }), fc.array(fc.string()), (secret, fields) => {
        const mac = createHmac('sha256', raw(secret, 'tag csrf'))
        for (const field of fields) {
          const length = Buffer.alloc(4)
          length.writeUInt32BE(Buffer.byteLength(field))
          mac.update(length).update(field)
        }
        expect(createSecrets([secret]).tag('csrf', fields)).toBe(mac.digest('base64url'))
      }),
      { numRuns: 200 },
    )
  })

  it('ids and secrets are never given twice, over many fillings of the supply', () => {
    const secrets = createSecrets([OLD])
    const given = Array.from({ length: 3000 }, (_, at) =>
      at % 3 === 0 ? secrets.mint('session') : secrets.id(),
    )
    expect(new Set(given).size).toBe(given.length)
    // Bytes that were zeroed, or never filled, would be many A in a row.
    expect(given.filter((one) => /A{9}/.test(one))).toEqual([])
  })
})

describe('what we mint', () => {
  it('access tokens are 70 characters: pc_at_ and base64url', () => {
    expect(createSecrets([OLD]).mint('access-token')).toMatch(/^pc_at_[A-Za-z0-9_-]{64}$/)
  })

  it('refresh tokens are pc_rt_ and base64url, and carry their parts', () => {
    const { refreshToken, id } = createSecrets([OLD])
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), (generation) => {
        const parts = { grant_id: id(), generation, salt: id() }
        const value = refreshToken.make(parts)
        expect(value).toMatch(/^pc_rt_[A-Za-z0-9_-]{72}$/)
        expect(refreshToken.parse(value)).toEqual(parts)
        expect(refreshToken.make(parts)).toBe(value)
      }),
    )
  })

  it('no two are the same', () => {
    const { mint } = createSecrets([OLD])
    expect(new Set(Array.from({ length: 1000 }, () => mint('access-token'))).size).toBe(1000)
  })

  it('A4 none is taken for one of another purpose, nor under another prefix', () => {
    const secrets = createSecrets([OLD])
    const refresh = secrets.refreshToken.make({
      ...{ grant_id: secrets.id(), generation: 1, salt: secrets.id() },
    })
    for (const purpose of MINTED) {
      const value = secrets.mint(purpose)
      expect(secrets.minted(purpose, value)).toBe(true)
      expect(secrets.refreshToken.parse(value)).toBeUndefined()
      expect(secrets.refreshToken.parse(`pc_rt_${value.slice(6)}`)).toBeUndefined()
      expect(secrets.minted(purpose, refresh)).toBe(false)
      for (const other of MINTED.filter((name) => name !== purpose)) {
        expect(secrets.minted(other, value)).toBe(false)
        expect(secrets.minted(other, secrets.mint(other).slice(0, 6) + value.slice(6))).toBe(false)
      }
    }
  })

  it('changed in any one character, it is not ours', () => {
    const secrets = createSecrets([OLD])
    const value = secrets.mint('access-token')
    const refresh = secrets.refreshToken.make({
      ...{ grant_id: secrets.id(), generation: 7, salt: secrets.id() },
    })
    const changed = (text: string) =>
      [...text].map((char, i) => text.slice(0, i) + (char === 'A' ? 'B' : 'A') + text.slice(i + 1))
    for (const other of changed(value)) expect(secrets.minted('access-token', other)).toBe(false)
    for (const other of changed(refresh)) expect(secrets.refreshToken.parse(other)).toBeUndefined()
  })

  it('A27 it has one spelling: no padding, no other alphabet, nothing around it', () => {
    const secrets = createSecrets([OLD])
    const value = secrets.mint('access-token')
    const spellings = [
      ...[`${value}=`, `${value} `, ` ${value}`, `${value}\n`, `${value}\0`],
      ...[value.toUpperCase(), `${value.slice(0, -1)}=`, value.normalize('NFKD').slice(1)],
    ]
    for (const other of spellings) expect(secrets.minted('access-token', other)).toBe(false)
    for (let i = 0; i < 200; i += 1) {
      const other = secrets.mint('access-token')
      const spelled = other.replaceAll('-', '+').replaceAll('_', '/').replace('pc/at/', 'pc_at_')
      if (spelled !== other) expect(secrets.minted('access-token', spelled)).toBe(false)
    }
  })

  it('whatever a stranger sends, it is not ours, and nothing throws', () => {
    const secrets = createSecrets([OLD])
    const prefixes = ['', 'pc_at_', 'pc_ac_', 'pc_rt_', 'pc_se_', 'pc_br_']
    const unit = fc.constantFrom(...'ABCXYZabcxyz0123456789_-')
    const noise = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.base64String(),
      fc.string({ unit, minLength: 64, maxLength: 72 }),
    )
    fc.assert(
      fc.property(fc.constantFrom(...prefixes), noise, (prefix, rest) => {
        const value = prefix + rest
        for (const purpose of MINTED) expect(secrets.minted(purpose, value)).toBe(false)
        expect(secrets.refreshToken.parse(value)).toBeUndefined()
        expect(secrets.open('request', value)).toBeUndefined()
        expect(secrets.verifyTag('csrf', ['a'], value)).toBe(false)
      }),
    )
  })
})

describe('rotation of secrets', () => {
  it('all keys of the list verify, the first mints', () => {
    const old = createSecrets([OLD])
    const both = createSecrets([NEW, OLD])
    const only = createSecrets([NEW])
    const parts = { grant_id: old.id(), generation: 3, salt: old.id() }
    const [token, sealed, tag] = [
      old.mint('session'),
      old.seal('request', 1),
      old.tag('csrf', ['a']),
    ]
    const refresh = old.refreshToken.make(parts)
    expect(both.minted('session', token)).toBe(true)
    expect(both.open('request', sealed)).toBe(1)
    expect(both.verifyTag('csrf', ['a'], tag)).toBe(true)
    expect(both.refreshToken.parse(refresh)).toEqual(parts)
    expect(only.minted('session', token)).toBe(false)
    expect(only.open('request', sealed)).toBeUndefined()
    expect(only.verifyTag('csrf', ['a'], tag)).toBe(false)
    expect(only.refreshToken.parse(refresh)).toBeUndefined()
    expect(only.minted('session', both.mint('session'))).toBe(true)
    expect(only.open('request', both.seal('request', 2))).toBe(2)
    expect(only.verifyTag('csrf', ['a'], both.tag('csrf', ['a']))).toBe(true)
  })

  it.each([[[]], [['']], [['fifteen letters']], [[NEW, 'short']]])(
    'a list such as %j is refused, without repeating any of it',
    (list) => {
      expect(() => createSecrets(list)).toThrow(StoreRefused)
      expect(() => createSecrets(list)).toThrow(/at least 16 characters/)
      expect(() => createSecrets(list)).not.toThrow(/short|letters/)
    },
  )
})

describe('tags', () => {
  it('hold for these fields, in this order and purpose', () => {
    const { tag, verifyTag } = createSecrets([OLD])
    const made = tag('csrf', ['browser', 'session', 'request'])
    expect(verifyTag('csrf', ['browser', 'session', 'request'], made)).toBe(true)
    expect(verifyTag('csrf', ['session', 'browser', 'request'], made)).toBe(false)
    expect(verifyTag('csrf', ['browser', 'session', 'request', ''], made)).toBe(false)
    expect(verifyTag('request', ['browser', 'session', 'request'], made)).toBe(false)
  })

  it('no boundary between fields can be moved', () => {
    const { tag } = createSecrets([OLD])
    const text = fc.string({ unit: 'binary', maxLength: 12 })
    const fields = fc.array(text, { maxLength: 5 })
    fc.assert(
      fc.property(fields, fields, (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b)
        expect(tag('csrf', a) === tag('csrf', b)).toBe(same)
      }),
    )
    // The same letters, cut into two at every place.
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii', minLength: 1 }), (letters) => {
        const cuts = Array.from({ length: letters.length + 1 }, (_, i) =>
          tag('csrf', [letters.slice(0, i), letters.slice(i)]),
        )
        expect(new Set(cuts).size).toBe(cuts.length)
      }),
    )
  })

  it('A4 a tag of one purpose is none of another', () => {
    const secrets = createSecrets([OLD])
    for (const purpose of TAGGED) {
      const tag = secrets.tag(purpose, ['a'])
      expect(TAGGED.filter((other) => secrets.verifyTag(other, ['a'], tag))).toEqual([purpose])
    }
  })
})

describe('sealed values', () => {
  it('open to what was sealed, for the same purpose alone', () => {
    const secrets = createSecrets([OLD])
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain = JSON.parse(JSON.stringify(value))
        const sealed = secrets.seal('request', plain)
        expect(sealed).toMatch(/^[A-Za-z0-9_-]+$/)
        expect(secrets.open('request', sealed)).toEqual(plain)
        expect(secrets.open('csrf', sealed)).toBeUndefined()
        expect(secrets.open('session', sealed)).toBeUndefined()
      }),
    )
  })

  it('show nothing of what they hold, and are never the same twice', () => {
    const secrets = createSecrets([OLD])
    const sealed = secrets.seal('request', { state: 'a very telling state' })
    expect(Buffer.from(sealed, 'base64url').toString('latin1')).not.toContain('telling')
    expect(secrets.seal('request', { state: 'a very telling state' })).not.toBe(sealed)
  })

  it('changed in any one character, cut or lengthened: not ours', () => {
    const secrets = createSecrets([OLD])
    const sealed = secrets.seal('request', { a: 1 })
    for (let i = 0; i < sealed.length; i += 1) {
      const other = sealed.slice(0, i) + (sealed[i] === 'A' ? 'B' : 'A') + sealed.slice(i + 1)
      expect(secrets.open('request', other)).toBeUndefined()
      expect(secrets.open('request', sealed.slice(0, i))).toBeUndefined()
    }
    expect(secrets.open('request', `${sealed}A`)).toBeUndefined()
  })
})

describe('secrets that are made once', () => {
  it('`secret` is kept beside the SQLite file, its owner’s alone, and found again', async () => {
    const file = inFolder()
    const config = storeConfig({ store: { kind: 'sqlite', file }, secret: [] })
    const open = () => openStores(config, { clock: systemClock, log: silentLog })
    const first = await open()
    const value = first.secrets.mint('session')
    await first.close()
    expect(statSync(`${file}.secret`).mode & 0o777).toBe(0o600)
    const second = await open()
    closers.push(second.close)
    expect(second.secrets.minted('session', value)).toBe(true)
    expect(readdirSync(join(file, '..')).filter((name) => name.includes('.secret'))).toHaveLength(1)
  })

  it('in memory it is another at every start', async () => {
    const config = storeConfig({ secret: [] })
    const open = () => openStores(config, { clock: systemClock, log: silentLog })
    const [first, second] = [await open(), await open()]
    expect(second.secrets.minted('session', first.secrets.mint('session'))).toBe(false)
  })

  it('processes that race agree on one', async () => {
    const file = `${inFolder()}.secret`
    const processes = await Promise.all(Array.from({ length: 4 }, () => startStoreProcess(file)))
    for (const { kill } of processes) closers.push(() => kill())
    const kept = await Promise.all(processes.map(({ run }) => run<string>('keep')))
    expect(new Set(kept)).toEqual(new Set([keptSecret(file)]))
  })

  it('one that others could read is closed to them', () => {
    const file = `${inFolder()}.secret`
    const kept = keptSecret(file)
    chmodSync(file, 0o644)
    expect(keptSecret(file)).toBe(kept)
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('one that was emptied is refused, never made anew over what it stood for', () => {
    const file = `${inFolder()}.secret`
    writeFileSync(file, '')
    expect(() => keptSecret(file)).toThrow(StoreRefused)
    expect(readFileSync(file, 'utf8')).toBe('')
  })

  it('a folder that cannot be written is refused with its name', () => {
    const file = inFolder()
    writeFileSync(file, '')
    expect(() => keptSecret(join(file, 'x.secret'))).toThrow(/store\.db\/x\.secret: cannot be read/)
  })

  it('`admin.token` as it is given, else kept beside the file, else made for this run', () => {
    const file = inFolder()
    const admin = (token: string) => ({ listen: { host: '127.0.0.1', port: 0 }, token })
    const store = { kind: 'sqlite', file } as const
    expect(adminToken({ admin: admin('given'), store })).toBe('given')
    const kept = adminToken({ admin: admin(''), store })
    expect(adminToken({ admin: admin(''), store })).toBe(kept)
    expect(readFileSync(`${file}.admin-token`, 'utf8').trim()).toBe(kept)
    const made = adminToken({ admin: admin(''), store: { kind: 'memory' } })
    expect(made).toMatch(/^[\w-]{43}$/)
    expect(made).not.toBe(kept)
  })
})

describe('A24 secrets at rest', () => {
  it('no secret is in the database file, nor in its log', async () => {
    const file = inFolder()
    const config = storeConfig({ store: { kind: 'sqlite', file }, secret: [] })
    const stores = await openStores(config, { clock: systemClock, log: silentLog })
    const { access, refresh, grant } = await authorize(stores, config, systemClock())
    const session = await stores.sessions.start({ sub: 'ada', auth_time: systemClock() })
    const presented = await stores.refreshTokens.present(refresh, config.tokens)
    if (!('value' in presented)) throw new Error(presented.state)
    const step = await stores.refreshTokens.step(presented, [])
    const spare = { ...grant, id: stores.secrets.id(), redeemed: false }
    const code = await stores.codes.issue({
      ...{
        grant: spare,
        redirect_uri: 'https://a.example',
        redirect_uri_given: true,
        lifetime: 60,
      },
    })
    const kept = await stores.clients.create({
      ...client('saved'),
      ...{
        source: 'operator',
        created: 0,
        secrets: [{ digest: digest('first-secret-of-a-saved-client') }],
      },
    })
    const rotated = await stores.clients.rotateSecret('saved', 60)
    expect([kept, rotated]).toEqual([true, expect.stringMatching(/^pc_cs_/)])
    const atRest = () =>
      readdirSync(join(file, '..'))
        .filter((name) => !name.endsWith('.secret'))
        .map((name) => readFileSync(join(file, '..', name)).toString('latin1'))
        .join('\n')
    const whileOpen = atRest()
    await stores.close()
    const everything = whileOpen + atRest()
    const secrets = [
      ...[access, refresh, session, code ?? '', step === 'lost' ? '' : step.value],
      ...['web-secret-of-the-test', 'ada-password-of-the-test'],
      ...['first-secret-of-a-saved-client', rotated ?? ''],
      readFileSync(`${file}.secret`, 'utf8').trim(),
    ]
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(20)
      // Neither as it is, nor its random part alone, nor that part as bytes.
      const part = secret.replace(/^pc_.._/, '')
      expect(everything).not.toContain(part)
      expect(everything).not.toContain(part.slice(-22))
      const bytes = Buffer.from(part, 'base64url').toString('latin1')
      expect(everything).not.toContain(bytes.slice(-16))
    }
    expect(everything).toContain(grant.id)
  })
})
