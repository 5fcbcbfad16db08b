import { checkAccounts } from './check-accounts.ts'
import { checkClients } from './check-clients.ts'
import { checkFetch } from './check-fetch.ts'
import { checkLifetimes } from './check-lifetimes.ts'
import { checkListeners } from './check-listeners.ts'
import { checkNames } from './check-names.ts'
import { checkRegistration } from './check-registration.ts'
import { checkRequests } from './check-requests.ts'
import { checkRoutes } from './check-routes.ts'
import { checkStore } from './check-store.ts'
import { checkUpstreams } from './check-upstreams.ts'
import { type Row, rowOf } from './loose.ts'
import type { Report } from './problem.ts'

/**
 * What several values must be together. Read from the YAML tree and not from the schema's result, so that a value that is
 * wrong in itself hides none of this. Files that it names are looked for from `folder`.
 */
export const runChecks = (data: unknown, report: Report, folder: string): void => {
  const row = rowOf(data)
  for (const check of CHECKS) check(row, report, folder)
}

const CHECKS: readonly ((data: Row, report: Report, folder: string) => void)[] = [
  checkListeners,
  checkStore,
  checkLifetimes,
  checkNames,
  checkUpstreams,
  checkRoutes,
  checkClients,
  checkRequests,
  checkRegistration,
  checkAccounts,
  checkFetch,
]
