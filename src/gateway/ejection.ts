import type { Clock } from '../clock.ts'
import type { UpstreamSettings } from '../config/config.ts'

/** Leaves a target out while it fails (see `createEjection`). */
export type Ejection = {
  /** May be asked now. */
  isOpen(): boolean
  /** It is asked. */
  taken(): void
  succeeded(): void
  failed(): void
}

/**
 * Ejects after `failures` in a row. When the pause is over one request is let through, and one more each pause until one of
 * them tells: if it fails the pause doubles, up to `longest`; if not all may come. Whoever fails again soon goes on where
 * it was. Nothing has to be given back: a probe whose client leaves costs one more pause.
 */
export const createEjection = (
  { failures, pause, longest }: UpstreamSettings['eject'],
  now: Clock,
  on: { ejected(seconds: number): void; restored(): void },
): Ejection => {
  let failed = 0
  let current = 0
  /** 0: not ejected. */
  let until = 0
  let restoredAt = 0
  let probing = false

  /** True also when the clock was set back. */
  const isDue = () => {
    const left = until - now()
    return left <= 0 || left > longest
  }
  const eject = () => {
    current = current === 0 ? pause : Math.min(current * 2, longest)
    until = now() + current
    probing = false
    on.ejected(current)
  }
  return {
    isOpen: () => until === 0 || isDue(),
    taken() {
      if (until === 0 || !isDue()) return
      probing = true
      until = now() + current
    },
    succeeded() {
      failed = 0
      if (until === 0) return
      until = 0
      restoredAt = now()
      on.restored()
    },
    failed() {
      failed += 1
      if (until > 0) {
        if (probing) eject()
      } else if (failed >= failures) {
        if (now() - restoredAt > current) current = 0
        eject()
      }
    },
  }
}
