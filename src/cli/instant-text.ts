/** `2026-01-31T12:00:00Z` of seconds since the epoch. */
export const instantText = (seconds: number | undefined): string | undefined =>
  seconds === undefined || !Number.isFinite(seconds) || Math.abs(seconds) > LAST
    ? undefined
    : new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z')

/** The last that a date can hold (ECMA-262 §21.4.1.1). */
const LAST = 8.64e12
