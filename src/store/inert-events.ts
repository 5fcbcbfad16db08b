import type { KeyvStorageAdapter } from 'keyv'

/**
 * The emitter that Keyv's type asks of an adapter, and that never emits: an emitted error would crash the process
 * or, with a listener, turn an outage into an unknown token. Our adapters reject instead.
 */
export const inertEvents = <Self>(self: () => Self): Pick<KeyvStorageAdapter, EventName> => {
  const ignore = () => self() as KeyvStorageAdapter
  return {
    on: ignore,
    once: ignore,
    off: ignore,
    addListener: ignore,
    removeListener: ignore,
    removeAllListeners: ignore,
    prependListener: ignore,
    prependOnceListener: ignore,
    emit: () => false,
    listenerCount: () => 0,
    eventNames: () => [],
    listeners: () => [],
    rawListeners: () => [],
  }
}

type EventName =
  | 'on'
  | 'once'
  | 'off'
  | 'addListener'
  | 'removeListener'
  | 'removeAllListeners'
  | 'prependListener'
  | 'prependOnceListener'
  | 'emit'
  | 'listenerCount'
  | 'eventNames'
  | 'listeners'
  | 'rawListeners'
