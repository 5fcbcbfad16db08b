import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { Mistake } from '../mistake.ts'
import { openPrompt } from './prompt.ts'
import type { Terminal } from './terminal.ts'

type Io = Pick<Terminal, 'stdin' | 'stderr'>

/** The JSON object in a file, or with `-` on standard input. Throws a `Mistake`. */
export const readJsonObject = async (
  file: string,
  { stdin }: Io,
): Promise<Readonly<Record<string, unknown>>> => {
  const name = file === '-' ? 'standard input' : file
  const content = file === '-' ? await text(stdin) : await contentOf(file)
  const value = parsed(content)
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>
  throw new Mistake(`${name}: is no JSON object`)
}

const contentOf = (file: string): Promise<string> =>
  readFile(file, 'utf8').catch((cause) => {
    throw new Mistake(`${file}: cannot be read (${cause.code})`, { cause })
  })

const parsed = (content: string): unknown => {
  try {
    return JSON.parse(content)
  } catch {
    return undefined
  }
}

/** A secret from a prompt, or the first line of standard input; `twice`: on a terminal it is asked for again. */
export const readSecretLine = async (
  question: string,
  { stdin, stderr }: Io,
  { twice = false } = {},
): Promise<string> => {
  const prompt = openPrompt(stdin, stderr)
  try {
    const secret = await prompt.secret(question)
    if (secret === '') throw new Mistake('nothing came from standard input')
    if (twice && stdin.isTTY === true && (await prompt.secret('The same again: ')) !== secret)
      throw new Mistake('the two are not the same')
    return secret
  } finally {
    prompt.close()
  }
}
