import { write } from 'node:fs'

/** Where log lines go. Nobody waits for it, and it never throws. */
export type LineSink = {
  write(line: string): void
  /** Writes what waits now, without waiting for more. */
  flush(): void
  /** Resolves when everything is written, or after so many seconds. */
  drained(seconds: number): Promise<void>
  /** Lines lost: nobody read them in time, or they could not be written. */
  dropped(): number
}

/**
 * Lines on a file descriptor, a batch at a time. At most 4 MiB wait; what comes on top is dropped and counted, and so is a
 * batch that cannot be written (a full disk, a reader that is gone). The next one is tried again. No batch of several lines
 * has over `longest` bytes.
 */
export const createLineSink = (fd: number, longest = Number.POSITIVE_INFINITY): LineSink => {
  const waiting: string[] = []
  let size = 0
  let flying = NOTHING
  let lost = 0
  let timer: NodeJS.Timeout | undefined
  const told: (() => void)[] = []

  const start = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (flying.lines > 0 || size === 0) return
    const lines = waiting.splice(0, fitting(waiting, longest))
    const text = lines.join('')
    flying = { lines: lines.length, size: text.length }
    size -= text.length
    put(Buffer.from(text))
  }

  const put = (batch: Buffer): void => {
    write(fd, batch, (error, written) => {
      if (error && AGAIN.has(error.code ?? '')) {
        setTimeout(put, FULL_MS, batch).unref()
      } else if (!error && written < batch.length) {
        put(batch.subarray(written))
      } else {
        if (error) lost += flying.lines
        flying = NOTHING
        proceed()
      }
    })
  }

  const proceed = (): void => {
    if (size >= Math.min(BATCH, longest) || (told.length > 0 && size > 0)) start()
    else if (size > 0) timer ??= setTimeout(start, SOON_MS).unref()
    else if (flying.lines === 0) for (const tell of told.splice(0)) tell()
  }

  return {
    write(line) {
      if (size + flying.size + line.length > MOST) {
        lost += 1
        return
      }
      waiting.push(line)
      size += line.length
      proceed()
    },
    flush: start,
    async drained(seconds) {
      const limit = Promise.withResolvers<void>()
      const timeout = setTimeout(limit.resolve, seconds * 1000)
      told.push(limit.resolve)
      proceed()
      await limit.promise
      clearTimeout(timeout)
    },
    dropped: () => lost,
  }
}

/** How many lines go together; one always does. */
const fitting = (lines: readonly string[], longest: number): number => {
  if (longest === Number.POSITIVE_INFINITY) return lines.length
  let bytes = 0
  const end = lines.findIndex((line) => {
    bytes += Buffer.byteLength(line)
    return bytes > longest
  })
  return end < 0 ? lines.length : Math.max(1, end)
}

const NOTHING = { lines: 0, size: 0 }

// Characters, as good as bytes here.
const MOST = 4_194_304
// What a pipe holds: each write wakes a thread, which costs more than its lines.
const BATCH = 65_536
// Milliseconds: how long a line waits for others, and the pause before a full pipe is tried again.
const SOON_MS = 200
const FULL_MS = 20

const AGAIN = new Set(['EAGAIN', 'EBUSY'])
