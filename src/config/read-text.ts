import { isUtf8 } from 'node:buffer'
import { readFile, stat } from 'node:fs/promises'
import { Wrong } from './problem.ts'

/** The text of a configuration file. Throws `Wrong` for what cannot be one. */
export const readText = async (file: string): Promise<string> => {
  const bytes = await readBytes(file)
  if (bytes.length > LARGEST) throw new Wrong(TOO_LARGE)
  if (!isUtf8(bytes)) throw new Wrong('is not UTF-8 text')
  return bytes.toString('utf8').replace(/^\uFEFF/, '')
}

const readBytes = async (file: string): Promise<Buffer> => {
  try {
    const found = await stat(file)
    if (found.isDirectory()) throw new Wrong('is a folder, not a file')
    if (found.isCharacterDevice() || found.isBlockDevice())
      throw new Wrong('is a device, not a file')
    if (found.size > LARGEST) throw new Wrong(TOO_LARGE)
    return await readFile(file)
  } catch (error) {
    if (error instanceof Wrong) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new Wrong(WORDS.get(code) ?? `cannot be read (${code})`)
  }
}

const LARGEST = 1_048_576
const TOO_LARGE = 'has more than 1 MB, too much for a configuration'
const WORDS = new Map([
  ['ENOENT', 'does not exist'],
  ['ENOTDIR', 'does not exist'],
  ['EISDIR', 'is a folder, not a file'],
  ['EACCES', 'cannot be read: permission denied'],
])
