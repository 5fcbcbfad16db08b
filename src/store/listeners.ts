import type { Log } from '../telemetry/log.ts'

export type Listeners<Message> = {
  add(listener: (message: Message) => void): () => void
  tell(message: Message): void
}

/** One listener that throws must not keep a revocation from the next. */
export const createListeners = <Message>(log: Log): Listeners<Message> => {
  const listeners = new Set<(message: Message) => void>()
  return {
    add(listener) {
      // A wrapper of its own, so that the same function added twice is told twice.
      const told = (message: Message) => listener(message)
      listeners.add(told)
      return () => void listeners.delete(told)
    },
    tell(message) {
      for (const listener of listeners) {
        try {
          listener(message)
        } catch (cause) {
          log.error('store.listener', { cause })
        }
      }
    },
  }
}
