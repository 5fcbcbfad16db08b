import { MalformedAnswer } from './malformed-answer.ts'

/** Takes a chunked body apart (RFC 9112 §7.1), as it comes. */
export type Chunks = {
  /** Tells of the data in `bytes`; returns how many of them belonged to the body. Throws `MalformedAnswer`. */
  read(bytes: Buffer): number
  readonly ended: boolean
}

/**
 * Strict: a size is hexadecimal digits and nothing else up to `;` or the line's end; lines end in CR LF. Extensions and
 * trailers are read over, as far as they are short.
 */
export const createChunks = (data: (chunk: Buffer) => void): Chunks => {
  let state: State = 'size'
  let size = 0
  let digits = 0
  /** Bytes of extensions and trailers so far, which cost the reader and bring nothing. */
  let ballast = 0
  let line = 0

  const step = (byte: number): void => {
    switch (state) {
      case 'size':
        takeSize(byte)
        return
      case 'extension':
        weigh()
        if (byte === CR) state = 'size-end'
        else refuseControl(byte)
        return
      case 'size-end':
        expect(byte, LF)
        state = size === 0 ? 'trailer' : 'data'
        line = 0
        return
      case 'data-cr':
        expect(byte, CR)
        state = 'data-lf'
        return
      case 'data-lf':
        expect(byte, LF)
        state = 'size'
        size = digits = 0
        return
      case 'trailer':
        if (byte === CR) state = 'trailer-end'
        else {
          weigh()
          refuseControl(byte)
          line += 1
        }
        return
      case 'trailer-end':
        expect(byte, LF)
        state = line === 0 ? 'ended' : 'trailer'
        line = 0
        return
      default:
        throw new MalformedAnswer('a chunk out of place')
    }
  }
  const takeSize = (byte: number) => {
    const digit = digitOf(byte)
    if (digit >= 0) {
      digits += 1
      if (digits > MOST_DIGITS) throw new MalformedAnswer('a chunk of too many digits')
      size = size * 16 + digit
    } else if (digits === 0) throw new MalformedAnswer('a chunk without a size')
    else if (byte === CR) state = 'size-end'
    else if (byte === SEMICOLON || byte === SPACE || byte === TAB) state = 'extension'
    else throw new MalformedAnswer('a chunk size that is none')
  }
  const weigh = () => {
    ballast += 1
    if (ballast > MOST_BALLAST) throw new MalformedAnswer('extensions or trailers without an end')
  }
  return {
    read(bytes) {
      let at = 0
      while (at < bytes.length && state !== 'ended') {
        if (state === 'data') {
          const end = Math.min(bytes.length, at + size)
          data(bytes.subarray(at, end))
          size -= end - at
          at = end
          if (size === 0) state = 'data-cr'
        } else {
          step(bytes[at] ?? 0)
          at += 1
        }
      }
      return at
    },
    get ended() {
      return state === 'ended'
    },
  }
}

type State =
  | 'size'
  | 'extension'
  | 'size-end'
  | 'data'
  | 'data-cr'
  | 'data-lf'
  | 'trailer'
  | 'trailer-end'
  | 'ended'

const expect = (byte: number, wanted: number): void => {
  if (byte !== wanted) throw new MalformedAnswer('a chunk that does not end where it should')
}

const refuseControl = (byte: number): void => {
  if ((byte < SPACE && byte !== TAB) || byte === DELETE)
    throw new MalformedAnswer('a control character between chunks')
}

const digitOf = (byte: number): number => {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

const CR = 0x0d
const LF = 0x0a
const TAB = 0x09
const SPACE = 0x20
const SEMICOLON = 0x3b
const DELETE = 0x7f

/** 2^52 bytes; beyond, numbers lose their last digits. */
const MOST_DIGITS = 13

const MOST_BALLAST = 16_384
