import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

type Handle = (req: IncomingMessage, res: ServerResponse) => void

/**
 * One request of a connection at a time (RFC 9112 §9.3.2). Node hands over all that a client pipelines as soon as it is parsed;
 * here the next one waits until the answer before it is out, so that one connection holds one place at an upstream, whatever
 * it sends. What stands behind an answer with `Connection: close` is not processed (§9.6).
 */
export const inTurn =
  (handle: Handle): Handle =>
  (req, res) => {
    const { socket } = req
    // Our end of the connection is over: the last answer said so.
    if (socket.writableEnded) return
    // Only what has to wait for its turn has no socket yet.
    if (res.socket === null) wait(socket, () => handle(req, res), res)
    else handle(req, res)
  }

type Waiting = { readonly res: ServerResponse; readonly begin: () => void }

const QUEUES = new WeakMap<Duplex, Waiting[]>()

const wait = (socket: Socket & Current, begin: () => void, res: ServerResponse): void => {
  const queue = QUEUES.get(socket) ?? []
  if (queue.length === 0) {
    QUEUES.set(socket, queue)
    socket._httpMessage?.once('close', () => next(socket, queue))
  }
  queue.push({ res, begin })
  if (queue.length > MOST) socket.destroy()
  else if (queue.length > MANY) socket.pause()
}

/** The answer before it is over: the next has the socket now, unless there will be none. */
const next = (socket: Socket, queue: Waiting[]): void => {
  const turn = queue.shift()
  if (turn === undefined) return
  if (turn.res.socket === null || socket.writableEnded) {
    queue.length = 0
    return
  }
  if (queue.length > 0) turn.res.once('close', () => next(socket, queue))
  if (queue.length <= MANY && socket.isPaused()) socket.resume()
  turn.begin()
}

/**
 * Calls `then` once the answers to all requests that came whole on this connection are out. `begun`: to one that did not come
 * whole there is a part of an answer already.
 */
export const afterAnswers = (socket: Duplex & Current, then: (begun: boolean) => void): void => {
  const current = socket._httpMessage
  const queue = QUEUES.get(socket) ?? []
  if (queue.at(-1)?.res.req.complete === false) queue.pop()
  const last = queue.at(-1)?.res ?? current
  if (last?.req.complete) last.once('close', () => then(false))
  else then(last?.headersSent === true)
}

/** Node's note of whose turn it is on a connection. */
type Current = { readonly _httpMessage?: ServerResponse | null }

/** From here on nothing more is read until some have had their turn. */
const MANY = 32

/** No client that means well has so many unanswered; what was read in one piece may be more than `MANY`. */
const MOST = 1_000
