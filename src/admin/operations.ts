import { auditOperations } from './audit.ts'
import { clientOperations } from './clients.ts'
import { configurationOperations } from './configuration.ts'
import { explainOperation } from './explain.ts'
import { openApiOperation } from './openapi.ts'
import type { Operation } from './operation.ts'
import type { Room } from './room.ts'
import { routeOperations } from './routes.ts'
import { scopeOperations } from './scopes.ts'

/** Everything that the API can do. */
export const operationsOf = (room: Room): readonly Operation[] => {
  const operations: readonly Operation[] = [
    openApiOperation(() => operations),
    ...clientOperations(room),
    ...scopeOperations(room),
    ...routeOperations(room),
    ...configurationOperations(room),
    ...auditOperations(room),
    explainOperation(room.explain),
  ]
  return operations
}
