import { existsSync, globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A wall clock for a program of its own, which a test sets; its monotonic clock goes on as it does. */
export type FakedClock = {
  /** What the program must be started with. */
  readonly env: Readonly<Record<string, string>>
  /** So many seconds beside the real time, from now on. */
  set(seconds: number): void
  remove(): void
}

/** Undefined: libfaketime is not installed. */
export const fakedClock = (): FakedClock | undefined => {
  const library = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')[0]
  if (library === undefined || !existsSync(library)) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-clock-'))
  const file = join(folder, 'time')
  const set = (seconds: number) => writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}s\n`)
  set(0)
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    },
    set,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
