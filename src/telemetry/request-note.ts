import type { IncomingMessage } from 'node:http'
import type { Exchange } from './exchange.ts'

/** What whoever answers a request knows of it, for the line that is written when it is over. */
type Note = Partial<
  Pick<Exchange, 'client_id' | 'sub' | 'refusal' | 'reason' | 'description' | 'error'>
>

/** Adds to what is noted of a request; what is said last counts. */
export const noteOn = (req: IncomingMessage, note: Note): void => {
  const before = NOTES.get(req)
  NOTES.set(req, before === undefined ? note : { ...before, ...note })
}

export const noteOf = (req: IncomingMessage): Note | undefined => NOTES.get(req)

// Beside the request, as who answers it and who tells of it share nothing else.
const NOTES = new WeakMap<IncomingMessage, Note>()
