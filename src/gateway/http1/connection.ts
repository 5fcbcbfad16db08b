import type { Socket } from 'node:net'
import { atEndOfTurn } from '../../turn.ts'
import type { AnswerHead } from './answer-head.ts'
import { createAnswerReader } from './answer-reader.ts'
import { BrokenOff } from './broken-off.ts'
import type { Dialer } from './dialer.ts'
import { MalformedAnswer } from './malformed-answer.ts'

/** A connection to a target, for one request at a time (RFC 9112 §9). */
export type Connection<Owner> = {
  /** Where it goes; undefined: not connected yet, or nowhere in the network. */
  readonly address: string | undefined
  /** Requests that were answered on it. */
  readonly served: number
  /** Seconds that the other side keeps it while it idles, by its own words. */
  readonly keepAlive: number | undefined
  /** Of the request under way: the connection stood and it could be written; a part of the answer came. */
  readonly sent: boolean
  readonly heard: boolean
  /** It is not for another request: it goes as soon as this one is over. */
  stale: boolean
  /** Gives it to a request; `listener.ready` is called now, or once it is connected. */
  lend(owner: Owner, method: string): void
  /** Writes the head of the request; `last`: and that is all, and goes out at the end of the turn. */
  write(head: string, last: boolean): void
  /** Writes a part of the body; false: wait for `listener.drained`. */
  writeBody(bytes: Buffer, chunked: boolean): boolean
  endBody(chunked: boolean): void
  /** Stops and goes on reading. */
  pause(): void
  resume(): void
  /** Gives it up at once. Whoever has it hears no more of it. */
  destroy(): void
}

/** What whoever has a connection is told. */
export type ConnectionListener<Owner> = {
  ready(owner: Owner): void
  interim(owner: Owner, head: AnswerHead): void
  head(owner: Owner, head: AnswerHead): void
  /** `bytes` are there during the call only. */
  data(owner: Owner, bytes: Buffer): void
  /** Nothing more can be read for now. */
  rested(owner: Owner): void
  drained(owner: Owner): void
  /** The answer is whole; the connection is no longer the owner's. */
  ended(owner: Owner): void
  /** It broke, or what came on it is no answer; the connection is no longer the owner's. */
  failed(owner: Owner, error: unknown): void
}

/** `free` is told when it waits for another request, `lost` once, when it is gone. */
export const openConnection = <Owner>(
  dial: Dialer,
  listener: ConnectionListener<Owner>,
  pool: { free(connection: Connection<Owner>): void; lost(connection: Connection<Owner>): void },
): Connection<Owner> => {
  let owner: Owner | undefined
  let connected = false
  let gone = false
  /** The request is written whole; the answer has come whole. */
  let written = false
  let answered = false
  let persistent = true

  const reader = createAnswerReader({
    interim(head) {
      if (owner !== undefined) listener.interim(owner, head)
    },
    head(head) {
      persistent = head.persistent
      keepAlive = head.keepAlive ?? keepAlive
      if (owner !== undefined) listener.head(owner, head)
    },
    data(bytes) {
      if (owner !== undefined) listener.data(owner, bytes)
    },
    ended() {
      answered = true
    },
  })
  let served = 0
  let keepAlive: number | undefined
  let sent = false
  let heard = false
  /** A request that goes out at the end of this turn. */
  let waiting: string | undefined

  const send = () => {
    if (waiting === undefined) return
    socket.write(waiting, 'latin1')
    waiting = undefined
  }
  const leave = () => {
    if (gone) return
    gone = true
    waiting = undefined
    socket.destroy()
    pool.lost(connection)
  }
  const fail = (error: unknown) => {
    const loser = owner
    owner = undefined
    leave()
    if (loser !== undefined) listener.failed(loser, error)
  }
  /** Only after all that came has been looked at: what stands behind an answer must not be taken for the next one. */
  const finish = () => {
    answered = false
    const winner = owner
    owner = undefined
    served += 1
    if (persistent && written && !connection.stale && !gone) pool.free(connection)
    else leave()
    if (winner !== undefined) listener.ended(winner)
  }
  const read = (bytes: Buffer) => {
    if (gone) return
    if (waiting !== undefined) {
      fail(served > 0 ? new BrokenOff(UNASKED) : new MalformedAnswer(UNASKED))
      return
    }
    heard = true
    try {
      reader.read(bytes)
      if (answered) finish()
      else if (owner !== undefined) listener.rested(owner)
    } catch (error) {
      // The answer itself was whole.
      if (answered) persistent = false
      if (answered) finish()
      else fail(error)
    }
  }
  const socket: Socket = dial({
    connected() {
      connected = true
      start()
    },
    read,
    drained() {
      if (owner !== undefined) listener.drained(owner)
    },
    ended(error) {
      if (gone) return
      persistent = false
      if (error === undefined && owner !== undefined && reader.end() && answered) finish()
      else fail(error ?? new BrokenOff('the upstream closed the connection'))
    },
  })
  const start = () => {
    if (owner === undefined) return
    sent = true
    listener.ready(owner)
  }
  const connection: Connection<Owner> = {
    get address() {
      return connected ? socket.remoteAddress : undefined
    },
    get served() {
      return served
    },
    get keepAlive() {
      return keepAlive
    },
    get sent() {
      return sent
    },
    get heard() {
      return heard
    },
    stale: false,
    lend(next, method) {
      owner = next
      sent = heard = written = false
      reader.expect(method)
      if (connected) start()
    },
    write(head, last) {
      written = last
      if (last) {
        waiting = head
        atEndOfTurn(send)
      } else socket.write(head, 'latin1')
    },
    writeBody(bytes, chunked) {
      if (!chunked) return socket.write(bytes)
      socket.cork()
      socket.write(`${bytes.length.toString(16)}\r\n`, 'latin1')
      socket.write(bytes)
      const goesOn = socket.write('\r\n', 'latin1')
      socket.uncork()
      return goesOn
    },
    endBody(chunked) {
      written = true
      if (chunked) socket.write('0\r\n\r\n', 'latin1')
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    destroy() {
      owner = undefined
      leave()
    },
  }
  return connection
}

/** Such as the 408 that some servers send before they close what idles. It is no answer to what they have not got yet. */
const UNASKED = 'bytes that no request asked for'
