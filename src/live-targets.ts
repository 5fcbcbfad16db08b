import type { LiveTarget } from './admin/room.ts'
import type { Tallies } from './telemetry/upstream-tally.ts'

/** The counts of this process. */
export const liveTargets = (tallies: Tallies): readonly LiveTarget[] =>
  Array.from(tallies.all(), ({ upstream, target, inFlight, retries, ejections, up }) => ({
    ...{ upstream, target, inFlight, retries, ejections },
    up: up === 1,
  }))

/** Those of several as one: a target is up where each of them says so. */
export const mergeTargets = (parts: readonly (readonly LiveTarget[])[]): readonly LiveTarget[] => {
  const merged = new Map<string, LiveTarget>()
  for (const one of parts.flat()) {
    const key = `${one.upstream} ${one.target}`
    const known = merged.get(key)
    merged.set(key, known === undefined ? one : together(known, one))
  }
  return [...merged.values()]
}

const together = (one: LiveTarget, other: LiveTarget): LiveTarget => ({
  ...one,
  inFlight: one.inFlight + other.inFlight,
  retries: one.retries + other.retries,
  ejections: one.ejections + other.ejections,
  up: one.up && other.up,
})
