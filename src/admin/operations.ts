import { accountOperations } from './accounts.ts'
import { auditOperations } from './audit.ts'
import { transferOperations } from './client-transfer.ts'
import { clientOperations } from './clients.ts'
import { configurationOperations } from './configuration.ts'
import { explainOperation } from './explain.ts'
import { grantOperations } from './grants.ts'
import { keyOperations } from './keys.ts'
import { openApiOperation } from './openapi.ts'
import type { Operation } from './operation.ts'
import { refusalOperations } from './refusals.ts'
import { registrationTokenOperations } from './registration-tokens.ts'
import type { Room } from './room.ts'
import { routeOperations } from './routes.ts'
import { scopeOperations } from './scopes.ts'
import { sessionOperations } from './sessions.ts'
import { takeoverOperation } from './takeover.ts'

/** Everything that the API can do. */
export const operationsOf = (room: Room): readonly Operation[] => {
  const operations: readonly Operation[] = [
    openApiOperation(() => operations),
    ...clientOperations(room),
    ...transferOperations(room),
    ...registrationTokenOperations(room),
    ...accountOperations(room),
    ...grantOperations(room),
    ...sessionOperations(room),
    ...scopeOperations(room),
    ...routeOperations(room),
    ...refusalOperations(room),
    ...configurationOperations(room),
    ...auditOperations(room),
    ...keyOperations(room),
    explainOperation(room.explain),
    takeoverOperation(room),
  ]
  return operations
}
