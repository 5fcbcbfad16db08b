import { Readable, Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { hashPasswordCommand } from '../src/cli/hash-password.ts'
import { createClients } from '../src/store/clients.ts'
import { createFairQueue } from '../src/store/fair-queue.ts'
import { memoryStore } from '../src/store/memory.ts'
import { createPasswords, hashPassword, PasswordsBusy } from '../src/store/passwords.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { account, client, movableClock } from './support/stores.ts'

const passwords = createPasswords(() => undefined)
const PHC = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/

/** Runs the command as if `input` had been piped into it. */
const hashing = async (input: string, json: boolean) => {
  const written: Record<'stdout' | 'stderr', string> = { stdout: '', stderr: '' }
  const sink = (name: 'stdout' | 'stderr') =>
    new Writable({
      write(chunk, _encoding, done) {
        written[name] += chunk
        done()
      },
    })
  const io = { stdin: Readable.from([input]), stdout: sink('stdout'), stderr: sink('stderr') }
  return { code: await hashPasswordCommand({ json }, io), ...written }
}

describe('passwords of people', () => {
  it('an argon2id hash is verified, and salted anew each time', async () => {
    const [one, two] = [await hashPassword('correct horse'), await hashPassword('correct horse')]
    expect(one).toMatch(PHC)
    expect(one).not.toBe(two)
    for (const password of [one, two]) {
      const ada = { ...account('ada'), password }
      expect(await passwords.verify(ada, 'correct horse', 'here')).toBe(true)
      expect(await passwords.verify(ada, 'correct horsf', 'here')).toBe(false)
      expect(await passwords.verify(ada, '', 'here')).toBe(false)
      expect(await passwords.verify(ada, password, 'here')).toBe(false)
    }
  })

  it('RFC 9106 hashes of another cost and length are verified', async () => {
    const { argon2Sync } = await import('node:crypto')
    const derived = argon2Sync('argon2id', {
      ...{ message: 'password', nonce: 'somesalt', memory: 65_536, passes: 3, parallelism: 4 },
      tagLength: 24,
    })
    const b64 = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '')
    const salt = b64(Buffer.from('somesalt'))
    const password = `$argon2id$v=19$m=65536,t=3,p=4$${salt}$${b64(derived)}`
    expect(await passwords.verify({ ...account('ada'), password }, 'password', 'here')).toBe(true)
  })

  it('a letter typed in two ways is one letter', async () => {
    const password = await hashPassword('caf\u00e9')
    expect(await passwords.verify({ ...account('ada'), password }, 'cafe\u0301', 'here')).toBe(true)
  })

  it('plain ones (the demo’s) are compared; what looks hashed and cannot be read never matches', async () => {
    const ada = account('ada')
    expect(await passwords.verify(ada, ada.password, 'here')).toBe(true)
    expect(await passwords.verify(ada, `${ada.password} `, 'here')).toBe(false)
    for (const password of ['$argon2id$v=19$broken', '$2b$10$abcdefghijklmnopqrstuv']) {
      expect(await passwords.verify({ ...ada, password }, password, 'here')).toBe(false)
    }
  })

  it('A22 an unknown account is refused by the same way through the same queue', async () => {
    expect(await passwords.verify(undefined, '', 'here')).toBe(false)
    expect(await passwords.verify(undefined, 'ada-password-of-the-test', 'here')).toBe(false)
  })

  it('P8 a crowd waits, and the event loop turns meanwhile', async () => {
    const crowd = Array.from({ length: 24 }, () => passwords.verify(undefined, 'x', 'here'))
    let turns = 0
    let over = false
    const results = Promise.all(crowd).finally(() => {
      over = true
    })
    while (!over) {
      turns += 1
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await results).toEqual(crowd.map(() => false))
    expect(turns).toBeGreaterThan(24)
  })
})

describe('A35 the queue of what is costly', () => {
  const busy = new PasswordsBusy('full')
  /** Steps that end when they are told to, and the order in which they began. */
  const gated = (limits: { atOnce: number; each: number; all: number }) => {
    const queue = createFairQueue(limits, () => busy)
    const begun: string[] = []
    const ends: (() => void)[] = []
    const add = (from: string, name: string) =>
      queue.run(from, () => {
        begun.push(name)
        return new Promise<void>((resolve) => ends.push(resolve))
      })
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    const endOne = async () => {
      await turn()
      ends.shift()?.()
      await turn()
    }
    return { add, begun, endOne }
  }

  it('a flood from one network delays another by one step', async () => {
    const { add, begun, endOne } = gated({ atOnce: 1, each: 100, all: 1000 })
    const flood = Array.from({ length: 50 }, (_, at) => add('there', `there ${at}`))
    const one = add('here', 'here')
    await endOne()
    await endOne()
    expect(begun).toContain('here')
    await endOne()
    await one
    for (let left = 0; left < 50; left++) await endOne()
    await Promise.all(flood)
    expect(begun).toHaveLength(51)
  })

  it('what waits is bounded, for each network and for all', async () => {
    const { add, begun, endOne } = gated({ atOnce: 1, each: 2, all: 3 })
    const running = [add('a', 'a0'), add('a', 'a1'), add('a', 'a2')]
    await expect(add('a', 'a3')).rejects.toBe(busy)
    running.push(add('b', 'b0'))
    await expect(add('c', 'c0')).rejects.toBe(busy)
    for (let left = 0; left < 4; left++) await endOne()
    await Promise.all(running)
    expect(begun).toEqual(['a0', 'a1', 'b0', 'a2'])
    const after = add('c', 'c1')
    await endOne()
    await after
  })

  it('a step that fails makes room', async () => {
    const queue = createFairQueue({ atOnce: 1, each: 1, all: 1 }, () => busy)
    await expect(queue.run('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await queue.run('a', async () => 'yes')).toBe('yes')
  })
})

describe('secrets of clients', () => {
  const clock = movableClock()
  const store = memoryStore({ clock, log: silentLog })
  const settings = [client('web', 'the secret of web'), client('native')]
  const standings = { disabled: () => undefined, known: () => undefined }
  const policy = () => ({ grant_types: [] })
  const clients = createClients({ store, clock, standings, settings, policy })

  it('are compared, and only the right one is right', async () => {
    const web = await clients.find('web')
    expect(clients.verifySecret(web, 'the secret of web')).toBe(true)
    for (const wrong of ['', 'the secret of we', 'the secret of web ', 'The secret of web']) {
      expect(clients.verifySecret(web, wrong)).toBe(false)
    }
    expect(JSON.stringify(web)).not.toContain('the secret of web')
  })

  it('a client without one, or an unknown one, has none that is right', async () => {
    const native = await clients.find('native')
    expect(native).toMatchObject({ client_id: 'native', secret_digests: [] })
    expect(clients.verifySecret(native, '')).toBe(false)
    expect(clients.verifySecret(undefined, '')).toBe(false)
    expect(await clients.find('unknown')).toBeUndefined()
  })

  it('a name that objects know is no client', async () => {
    for (const name of ['__proto__', 'constructor', 'toString']) {
      expect(await clients.find(name)).toBeUndefined()
    }
  })
})

describe('portcullis hash-password', () => {
  it('prints the hash of the first line of its input', async () => {
    const { code, stdout, stderr } = await hashing('correct horse\nanother line\n', false)
    expect(code).toBe(0)
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^\$argon2id\$.*\n$/)
    const ada = { ...account('ada'), password: stdout.trim() }
    expect(await passwords.verify(ada, 'correct horse', 'here')).toBe(true)
  })

  it('--json prints it as JSON', async () => {
    const { stdout } = await hashing('correct horse', true)
    expect(JSON.parse(stdout)).toEqual({ password: expect.stringMatching(PHC) })
  })

  it('says that nothing came, with 1', async () => {
    const { code, stdout, stderr } = await hashing('', true)
    expect(code).toBe(1)
    expect(stderr).toBe('portcullis hash-password: no password came from standard input\n')
    expect(JSON.parse(stdout)).toEqual({ error: 'no password came from standard input' })
  })
})
