import type { Row } from './loose.ts'
import type { Report } from './problem.ts'

/** Keys of the contract that this release reads and does not act on: whoever sets them must not believe otherwise. */
export const checkLater = (data: Row, report: Report): void => {
  const { workers = 1, registration = 'closed' } = data
  if (workers !== 1 && workers !== '1')
    report.warning(['workers'], `${LATER} it runs as one process`)
  if (registration !== 'closed')
    report.warning(['registration'], `${LATER} nobody can register a client`)
}

const LATER = 'has no effect yet:'
