/** What somebody may do. viewer: see; operator: also make and change clients, disable, enable and end; owner: everything. */
export type Role = 'viewer' | 'operator' | 'owner'

const ROLES: readonly Role[] = ['viewer', 'operator', 'owner']

/** Who asks. */
export type Principal = {
  /** For the audit trail: a username, or `admin token`. */
  readonly actor: string
  readonly role: Role
  readonly remote: string
}

/** For the audit trail: who did it, and from where. */
export const by = ({ actor, remote }: Principal) => ({ actor, remote })

export const mayDo = (principal: Pick<Principal, 'role'>, wanted: Role): boolean =>
  ROLES.indexOf(principal.role) >= ROLES.indexOf(wanted)
