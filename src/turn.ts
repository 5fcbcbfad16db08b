/**
 * Has `send` called at the end of this turn of the event loop, after what came in with it has been looked at. What a turn
 * writes leaves together: who reads it is woken once for all of it, and waking somebody costs more than writing to him.
 */
export const atEndOfTurn = (send: () => void): void => {
  const count = waiting.push(send)
  if (count === 1) setImmediate(sendAll)
  else if (count >= MOST) sendAll()
}

const sendAll = (): void => {
  const all = waiting
  waiting = []
  for (const send of all) send()
}

let waiting: (() => void)[] = []

/** So that in a long turn the first do not wait for the last. */
const MOST = 64
