import { stat } from 'node:fs/promises'

/**
 * What tells one state of a file from another: another file in its place (a rename, a symbolic link that was turned), another
 * length, another time, to the nanosecond where the file system has it. The same text for every file that is not there.
 */
const fileStamp = async (file: string): Promise<string> => {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
  } catch {
    return 'absent'
  }
}

/** The same of several, as one text. */
export const fileStamps = async (files: readonly string[]): Promise<string> =>
  (await Promise.all(files.map(fileStamp))).join('\n')
