import { type AnswerHead, checkCharacters, readAnswerHead } from './answer-head.ts'
import { type Chunks, createChunks } from './chunks.ts'
import { MalformedAnswer } from './malformed-answer.ts'

/** Takes apart what comes on a connection, one answer after the other. */
export type AnswerReader = {
  /** The next answer is to a request by this method. */
  expect(method: string): void
  /** Throws `MalformedAnswer`, for bytes that no request asked for, too. */
  read(bytes: Buffer): void
  /** The connection has ended. False: in the middle of an answer, or before one. */
  end(): boolean
}

/** `interim` is told of heads below 200, `head` of the final one; `data` of bytes that are there during the call only. */
export type AnswerListener = {
  interim(head: AnswerHead): void
  head(head: AnswerHead): void
  data(bytes: Buffer): void
  /** Once, after the last byte. */
  ended(): void
}

/** Where an answer ends is for its head and the method to say (RFC 9112 §6.3). */
export const createAnswerReader = (on: AnswerListener): AnswerReader => {
  let state: 'idle' | 'head' | 'length' | 'chunked' | 'close' = 'idle'
  let bodiless = false
  let missing = 0
  let chunks: Chunks | undefined
  /** The beginning of a head. */
  let partial: Buffer | undefined

  const finish = () => {
    state = 'idle'
    on.ended()
  }
  /** Returns what comes behind the head; undefined: it is not whole yet. */
  const takeHead = (bytes: Buffer): Buffer | undefined => {
    const all = partial === undefined ? bytes : Buffer.concat([partial, bytes])
    const text = all.toString('latin1', 0, Math.min(all.length, LONGEST))
    const end = text.indexOf('\r\n\r\n')
    if (end < 0) {
      if (all.length >= LONGEST) throw new MalformedAnswer('a head that is too long')
      // The bytes may be overwritten after this call.
      partial = all === bytes ? Buffer.from(bytes) : all
      return undefined
    }
    partial = undefined
    checkCharacters(all, end)
    begin(readAnswerHead(text.slice(0, end)))
    return all.subarray(end + 4)
  }
  const begin = (head: AnswerHead) => {
    const { status, length } = head
    if (status < 200) {
      // RFC 9110 §15.2.2: nobody asked for an upgrade here.
      if (status === 101) throw new MalformedAnswer('101 out of place')
      on.interim(head)
      return
    }
    state = 'close'
    if (bodiless || status === 204 || status === 304) missing = 0
    else if (head.chunked) {
      state = 'chunked'
      chunks = createChunks(on.data)
    } else if (length !== undefined) missing = length
    else missing = Number.NaN
    if (state !== 'chunked' && !Number.isNaN(missing)) state = 'length'
    on.head(head)
    if (state === 'length' && missing === 0) finish()
  }
  const takeBody = (bytes: Buffer): Buffer => {
    const most = bytes.length <= missing ? bytes : bytes.subarray(0, missing)
    missing -= most.length
    on.data(most)
    if (missing === 0 && state === 'length') finish()
    return bytes.subarray(most.length)
  }
  const takeChunks = (bytes: Buffer, from: Chunks): Buffer => {
    const count = from.read(bytes)
    if (from.ended && state === 'chunked') finish()
    return bytes.subarray(count)
  }
  const step = (bytes: Buffer): Buffer | undefined => {
    switch (state) {
      case 'head':
        return takeHead(bytes)
      case 'length':
        return takeBody(bytes)
      case 'chunked':
        return chunks === undefined ? undefined : takeChunks(bytes, chunks)
      case 'close':
        on.data(bytes)
        return undefined
      case 'idle':
        throw new MalformedAnswer('bytes that no request asked for')
    }
  }
  return {
    expect(method) {
      state = 'head'
      bodiless = method === 'HEAD'
    },
    read(bytes) {
      let rest: Buffer | undefined = bytes
      while (rest !== undefined && rest.length > 0) rest = step(rest)
    },
    end() {
      if (state === 'close') finish()
      return state === 'idle'
    },
  }
}

/** Bytes of a head. */
const LONGEST = 32_768
