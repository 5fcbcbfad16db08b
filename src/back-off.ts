/** How long to wait before something that ended is started again. */
export type BackOff = {
  /** Seconds, after it ran for `lived` seconds. */
  after(lived: number): number
}

/** At once after a long life; then twice as long each time, up to `longest`. */
export const createBackOff = ({
  first,
  longest,
  settled,
}: {
  first: number
  longest: number
  settled: number
} = DEFAULTS): BackOff => {
  let failures = 0
  return {
    after(lived) {
      if (lived >= settled) failures = 0
      failures += 1
      return failures === 1 ? 0 : Math.min(longest, first * 2 ** (failures - 2))
    },
  }
}

const DEFAULTS = { first: 0.25, longest: 30, settled: 10 }
