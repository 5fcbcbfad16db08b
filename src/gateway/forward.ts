import type { Clock } from '../clock.ts'
import { ERRANDS, type Errand, setOut } from './errand.ts'
import type { Probe } from './health.ts'
import type { Job } from './job.ts'
import { createLines } from './lines.ts'
import type { Names } from './names.ts'
import { probeOnce } from './probe.ts'
import type { Streams } from './streams.ts'

export type Forwarder = {
  /** Starts. */
  forward(job: Job): Errand
  /** Asks a target how it is. */
  readonly probe: Probe
  close(): void
}

/**
 * Forwards requests by HTTP/1.1 (RFC 9110 §7.6, RFC 9112): bodies streamed at the slower side's pace, both ways;
 * abandoned at once when the client leaves; an answer that is cut short is never ended as if it were whole.
 * Asks twice only where nothing can have happened: another target when the connection was never made, a fresh connection
 * when a reused one broke under a bodiless GET, HEAD or OPTIONS before the first byte (RFC 9110 §9.2.2).
 */
export const createForwarder = (deps: {
  readonly streams: Streams
  readonly names: Names
  readonly clock: Clock
}): Forwarder => {
  const lines = createLines(deps.names, ERRANDS)
  const way = { ...deps, lines }
  return {
    forward: (job) => setOut(job, way),
    probe: probeOnce,
    close: lines.close,
  }
}
