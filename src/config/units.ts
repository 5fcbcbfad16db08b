import { Wrong } from './problem.ts'

/** Seconds of `500ms`, `90s`, `10m`, `12h`, `30d`. */
export const parseDuration = (text: string): number => {
  const [, amount = '', unit = ''] = DURATION.exec(text) ?? []
  const seconds = SECONDS.get(unit)
  if (seconds === undefined)
    throw new Wrong(
      /^\d+$/.test(text)
        ? `needs a unit: ${text}s, ${text}m, ${text}h or ${text}d`
        : 'must be a duration: a number and ms, s, m, h or d, such as 90s or 10m',
    )
  return (Number(amount) * seconds) / 1000
}

/** Bytes of `512b`, `64kb`, `10mb`, `1gb`; a kb is 1024 bytes. */
export const parseSize = (text: string): number => {
  const [, amount = '', unit = ''] = SIZE.exec(text.toLowerCase()) ?? []
  const bytes = BYTES.get(unit)
  if (bytes === undefined)
    throw new Wrong(
      /^\d+$/.test(text)
        ? `needs a unit: ${text}b, ${text}kb or ${text}mb`
        : 'must be a size: a number and b, kb, mb or gb, such as 64kb',
    )
  return Number(amount) * bytes
}

/** The shortest text that `parseDuration` reads as so many seconds. */
export const formatDuration = (seconds: number): string => {
  for (const [unit, milliseconds] of [...SECONDS].reverse())
    if (seconds > 0 && (seconds * 1000) % milliseconds === 0)
      return `${(seconds * 1000) / milliseconds}${unit}`
  return `${seconds}s`
}

export const DURATION = /^(\d{1,9})(ms|s|m|h|d)$/
export const SIZE = /^(\d{1,9})(b|kb|mb|gb)$/

// Milliseconds, so that a whole number of them stays exact.
const SECONDS = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
])
const BYTES = new Map([
  ['b', 1],
  ['kb', 1024],
  ['mb', 1024 ** 2],
  ['gb', 1024 ** 3],
])
