import type { LogFields } from '../telemetry/log.ts'
import { by, type Principal, type Role } from './principal.ts'

/** For the audit trail, `admin.refused`: who wanted what, and which role they lack for it. */
export const refusalOf = (
  principal: Principal,
  needed: Role,
  { method, path }: { readonly method?: string | undefined; readonly path: string },
): LogFields => ({
  ...by(principal),
  ...{ reason: 'role', role: principal.role, needed, method, path, status: 403 },
})
