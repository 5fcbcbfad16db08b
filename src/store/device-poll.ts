/** When a device code was last polled in good time, and what has to lie between two polls. Seconds. */
export type Poll = { readonly at: number; readonly interval: number }

/** Seconds that a device leaves between two polls, unless it was told to leave more (RFC 8628 §3.2). */
export const INTERVAL = 5

/**
 * Judges a poll (§3.5). What has to be remembered is one write an interval, and one for each step of an interval that
 * grows; `next` undefined: nothing. However fast a device polls, it causes no more writes than that.
 */
export const nextPoll = (
  last: Poll | undefined,
  now: number,
): { readonly slow: boolean; readonly next: Poll | undefined } => {
  if (last === undefined) return { slow: false, next: { at: now, interval: INTERVAL } }
  const { at, interval } = last
  if (now - at >= interval - LEEWAY) return { slow: false, next: { at: now, interval } }
  const grows = interval < LONGEST
  return { slow: true, next: grows ? { at, interval: interval + INTERVAL } : undefined }
}

// A device counts from our answer, and the network delays one question more than another.
const LEEWAY = 1
const LONGEST = 60
