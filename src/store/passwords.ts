import { argon2, timingSafeEqual } from 'node:crypto'
import { createFairQueue } from './fair-queue.ts'
import { equal, randomSalt } from './secrets.ts'

export type Passwords = {
  /**
   * Off the event loop, two at once. An unknown account takes as long as a known one. `from` is the network that asks:
   * networks take turns, so that a flood from one does not keep the others waiting.
   * Rejects with PasswordsBusy when too many wait already.
   */
  verify(account: Hashed | undefined, password: string, from: string): Promise<boolean>
  /** As `hashPassword`, in the same queue. */
  hash(password: string, from: string): Promise<string>
}

type Hashed = { readonly password: string }

/** Too many passwords are being checked: 503 with Retry-After. */
export class PasswordsBusy extends Error {
  override readonly name = 'PasswordsBusy'
}

/** `model`: an account of the kind that most are, whose cost an unknown one is given. */
export const createPasswords = (model: () => Hashed | undefined): Passwords => {
  const queue = createFairQueue(
    LINE,
    () => new PasswordsBusy('too many passwords are being checked'),
  )
  return {
    hash: (password, from) => queue.run(from, () => hashPassword(password)),
    verify: (account, password, from) =>
      queue.run(from, async () => {
        const phc = parsePhc(account?.password ?? '')
        if (phc !== undefined) return matches(phc, password)
        // Plain text (the demo's) and unknown accounts pay for a derivation, too.
        await derive(parsePhc(model()?.password ?? '') ?? DUMMY, password)
        return (
          account !== undefined &&
          !HASHED.test(account.password) &&
          equal(account.password, password)
        )
      }),
  }
}

/** A PHC string of argon2id: 19 MiB, two passes, one lane (RFC 9106 §3.1; OWASP's minimum). */
export const hashPassword = async (password: string): Promise<string> => {
  const salt = randomSalt()
  const derived = await derive({ ...DUMMY, salt }, password)
  return `$argon2id$v=19$m=${DUMMY.memory},t=${DUMMY.passes},p=${DUMMY.lanes}$${b64(salt)}$${b64(derived)}`
}

type Phc = {
  /** KiB. */
  readonly memory: number
  readonly passes: number
  readonly lanes: number
  readonly salt: Buffer
  readonly derived: Buffer
}

const DUMMY: Phc = {
  memory: 19_456,
  passes: 2,
  lanes: 1,
  salt: Buffer.alloc(16),
  derived: Buffer.alloc(32),
}

const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

const parsePhc = (text: string): Phc | undefined => {
  const [, memory, passes, lanes, salt, derived] = PHC.exec(text) ?? []
  if (salt === undefined || derived === undefined) return undefined
  return {
    memory: Number(memory),
    passes: Number(passes),
    lanes: Number(lanes),
    salt: Buffer.from(salt, 'base64'),
    derived: Buffer.from(derived, 'base64'),
  }
}

// In the form of PHC strings and of crypt(3).
const HASHED = /^\$[a-z0-9-]+\$/

const matches = async (phc: Phc, password: string): Promise<boolean> =>
  timingSafeEqual(await derive(phc, password), phc.derived)

// On the thread pool of libuv. People type the same letter in two ways: NFC makes them one.
const derive = (phc: Phc, password: string): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const parameters = {
      message: password.normalize('NFC'),
      nonce: phc.salt,
      memory: phc.memory,
      passes: phc.passes,
      parallelism: phc.lanes,
      tagLength: phc.derived.length,
    }
    argon2('argon2id', parameters, (error, derived) => (error ? reject(error) : resolve(derived)))
  })

const b64 = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '')

const LINE = { atOnce: 2, each: 256, all: 1024 }
