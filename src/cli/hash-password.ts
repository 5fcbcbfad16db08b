import { hashPassword } from '../store/passwords.ts'
import { openPrompt, type Prompt } from './prompt.ts'
import type { Terminal } from './terminal.ts'

/**
 * `portcullis hash-password`: reads a password from standard input (its first line), or asks for it twice on a terminal,
 * and prints the argon2id PHC string for `accounts[].password`. Resolves to 0, or 1 when there is nothing to hash.
 */
export const hashPasswordCommand = async (
  { json }: { json: boolean },
  io: Pick<Terminal, 'stdin' | 'stdout' | 'stderr'>,
): Promise<number> => {
  const prompt = openPrompt(io.stdin, io.stderr)
  try {
    const password = await readPassword(prompt, io.stdin.isTTY === true)
    if ('problem' in password) return failed(io, password.problem, json)
    const hash = await hashPassword(password.text)
    io.stdout.write(json ? `${JSON.stringify({ password: hash })}\n` : `${hash}\n`)
    return 0
  } finally {
    prompt.close()
  }
}

const readPassword = async (
  prompt: Prompt,
  isTerminal: boolean,
): Promise<{ text: string } | { problem: string }> => {
  const text = await prompt.secret('Password: ')
  if (text === '') return { problem: 'no password came from standard input' }
  if (isTerminal && (await prompt.secret('The same again: ')) !== text)
    return { problem: 'the two are not the same' }
  return { text }
}

const failed = (
  io: Pick<Terminal, 'stdout' | 'stderr'>,
  problem: string,
  json: boolean,
): number => {
  io.stderr.write(`portcullis hash-password: ${problem}\n`)
  if (json) io.stdout.write(`${JSON.stringify({ error: problem })}\n`)
  return 1
}
