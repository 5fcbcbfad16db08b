import { Wrong } from './problem.ts'

/** What an argon2id PHC string asks for. Memory in KiB. */
type HashParameters = {
  readonly memory: number
  readonly passes: number
  readonly parallelism: number
}

/** True for text in the form of PHC strings and of crypt(3): it was hashed by something. */
export const looksHashed = (text: string): boolean => /^\$[a-z0-9-]+\$/.test(text)

/**
 * Reads `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH` and refuses what is no such string, or would cost more than a sign-in
 * may (1 GiB, 20 passes). Messages never repeat any of it.
 */
export const parsePasswordHash = (text: string): HashParameters => {
  if (!text.startsWith('$argon2id$'))
    throw new Wrong(
      looksHashed(text)
        ? 'must be an argon2id hash, no other kind; make one with: portcullis hash-password'
        : 'must be an argon2id hash: plain text is for `demo: true` only; make one with: portcullis hash-password',
    )
  const [, m, t, p, salt = '', hash = ''] = PHC.exec(text) ?? []
  if (m === undefined)
    throw new Wrong(
      'is cut short or mistyped: $argon2id$v=19$m=…,t=…,p=…$SALT$HASH (in a shell, put single quotes around it)',
    )
  const parameters = { memory: Number(m), passes: Number(t), parallelism: Number(p) }
  checkParameters(parameters, bytesOf(salt), bytesOf(hash))
  return parameters
}

/** Below what OWASP's password storage cheat sheet recommends (its smallest set: 7 MiB and 5 passes). */
export const isWeak = ({ memory, passes }: HashParameters): boolean =>
  memory < 7168 || memory * passes < 35_840

// RFC 9106 §3.1 gives the limits below; those above are ours.
const checkParameters = (
  { memory, passes, parallelism }: HashParameters,
  salt: number,
  hash: number,
): void => {
  if (parallelism < 1 || parallelism > 16) throw new Wrong('must have p from 1 to 16')
  if (memory < 8 * parallelism || memory > 1_048_576)
    throw new Wrong(`must have m from ${8 * parallelism} to 1048576 (KiB)`)
  if (passes < 1 || passes > 20) throw new Wrong('must have t from 1 to 20')
  if (salt < 8 || salt > 64) throw new Wrong('must have a salt of 8 to 64 bytes')
  if (hash < 16 || hash > 64) throw new Wrong('must have a hash of 16 to 64 bytes')
}

const bytesOf = (base64: string): number => Math.floor((base64.length * 3) / 4)

const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,10}),t=(\d{1,10}),p=(\d{1,10})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/
