import { randomUUID } from 'node:crypto'

/**
 * A new `traceparent` (W3C Trace Context §3.2) made of the request's id, a UUID, so that the two can be found by one another; of a
 * fresh one when the id is `foreign`, a proxy's own. Sampled: whether to record is the upstream's choice.
 */
export const newTraceparent = (id: string, foreign: boolean): string => {
  const uuid = foreign ? randomUUID() : id
  // Never all zeros, because of the variant bits.
  const low = uuid.slice(19, 23) + uuid.slice(24)
  return `00-${uuid.slice(0, 8)}${uuid.slice(9, 13)}${uuid.slice(14, 18)}${low}-${low}-01`
}

/** True for a `traceparent` that can be continued. */
export const isTraceparent = (value: string): boolean =>
  TRACEPARENT.test(value) && !/^..-0{32}|-0{16}-/.test(value)

const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/
