import type { Row } from './loose.ts'
import type { Report } from './problem.ts'

/** Keys of the contract that this release reads and does not act on: whoever sets them must not believe otherwise. */
export const checkLater = (data: Row, report: Report): void => {
  const { workers = 1 } = data
  if (workers !== 1 && workers !== '1')
    report.warning(['workers'], 'has no effect yet: it runs as one process')
}
