/** Where one direction of a WebSocket stands: between two frames, or inside one (RFC 6455 §5.2). */
export type FrameTracker = {
  /** No frame is begun: another one may be put here. */
  atBoundary(): boolean
  /** A close frame has begun (§5.5.1). */
  closing(): boolean
  /** Follows `chunk` and returns how many of its bytes were followed: all, or with `stop` those up to the next boundary. */
  follow(chunk: Buffer, stop?: boolean): number
}

/** Follows frames by their lengths alone: nothing is held back, unmasked or changed. */
export const createFrameTracker = (): FrameTracker => {
  const head: number[] = []
  let payload = 0
  let closing = false
  const atBoundary = () => payload === 0 && head.length === 0
  return {
    atBoundary,
    closing: () => closing,
    follow(chunk, stop = false) {
      let at = 0
      while (at < chunk.length) {
        if (payload > 0) {
          const step = Math.min(payload, chunk.length - at)
          payload -= step
          at += step
        } else {
          head.push(chunk[at] ?? 0)
          at += 1
          if (head.length === headLength(head[1])) {
            payload = payloadLength(head)
            closing ||= ((head[0] ?? 0) & OPCODE) === CLOSE
            head.length = 0
          }
        }
        if (stop && atBoundary()) break
      }
      return at
    },
  }
}

/** Bytes before the payload, masking key included; the second byte tells, so before it there is no answer. */
const headLength = (second: number | undefined): number | undefined => {
  if (second === undefined) return undefined
  const extended = EXTENDED.get(second & 0x7f) ?? 0
  return 2 + extended + (second & MASKED ? 4 : 0)
}

const payloadLength = (head: readonly number[]): number => {
  const short = (head[1] ?? 0) & 0x7f
  const extended = EXTENDED.get(short)
  if (extended === undefined) return short
  // Above 2^53 this is inexact, and nobody lives to see the end of such a frame.
  return head.slice(2, 2 + extended).reduce((length, byte) => length * 256 + byte, 0)
}

/** Seven-bit length → bytes of the real one. */
const EXTENDED = new Map([
  [126, 2],
  [127, 8],
])

const MASKED = 0x80
const OPCODE = 0x0f
const CLOSE = 0x08

/**
 * A close frame (RFC 6455 §5.5.1). `reason` is cut, between characters, to the 123 bytes that a control frame has for it.
 * What goes to a server has to be masked (§5.3); the key may be zero here, since no stranger chose the payload.
 */
export const closeFrame = (code: number, reason: string, masked = false): Buffer => {
  const room = new Uint8Array(123)
  const { written } = new TextEncoder().encodeInto(reason, room)
  const length = 2 + written
  return Buffer.concat([
    Buffer.from([0x88, masked ? MASKED | length : length]),
    Buffer.alloc(masked ? 4 : 0),
    Buffer.from([code >> 8, code & 0xff]),
    room.subarray(0, written),
  ])
}
