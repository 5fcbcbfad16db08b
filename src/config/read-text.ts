import { type FileHandle, open } from 'node:fs/promises'
import { Wrong } from './problem.ts'

/** The text of a configuration file. Throws `Wrong` for what cannot be one. */
export const readText = async (file: string): Promise<string> => {
  const handle = await opened(file)
  try {
    return decode(await readAll(handle))
  } catch (error) {
    throw error instanceof Wrong ? error : unreadable(error)
  } finally {
    await handle.close()
  }
}

const opened = async (file: string): Promise<FileHandle> => {
  try {
    return await open(file)
  } catch (error) {
    throw unreadable(error)
  }
}

const readAll = async (handle: FileHandle): Promise<Buffer> => {
  const found = await handle.stat()
  if (found.isDirectory()) throw new Wrong('is a folder, not a file')
  if (found.isCharacterDevice() || found.isBlockDevice()) throw new Wrong('is a device, not a file')
  if (found.size > LARGEST) throw new Wrong('has more than 1 MB, too much for a configuration')
  const bytes = await handle.readFile()
  if (bytes.length > LARGEST) throw new Wrong('has more than 1 MB, too much for a configuration')
  return bytes
}

const decode = (bytes: Buffer): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Wrong('is not UTF-8 text')
  }
}

const unreadable = (error: unknown): Wrong => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  return new Wrong(WORDS.get(code) ?? `cannot be read (${code})`)
}

const WORDS = new Map([
  ['ENOENT', 'does not exist'],
  ['ENOTDIR', 'does not exist'],
  ['EISDIR', 'is a folder, not a file'],
  ['EACCES', 'cannot be read: permission denied'],
])
const LARGEST = 1_048_576
