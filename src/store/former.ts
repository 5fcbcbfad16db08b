import type { Consent, Consents } from './consents.ts'
import type { Grant, Grants } from './grants.ts'
import type { Session, Sessions } from './sessions.ts'
import type { Terms } from './terms.ts'
import type { Ended } from './tokens.ts'

type FormerDeps = {
  readonly terms: Terms
  /** Whether the configuration has the account, and disables it. */
  readonly isDisabled: (sub: string) => boolean
  readonly grants: Pick<Grants, 'endAllOfClient' | 'endAllOfAccount'>
  readonly sessions: Pick<Sessions, 'endAllOfAccount'>
  readonly consents: Pick<Consents, 'removeAllOfClient' | 'removeAllOfAccount'>
}

/**
 * The steps that take out of the store what was given in a term that is over. They may be taken late: what was given
 * since, to a name that was given again, is left alone.
 */
export const endFormer = (
  ended: Ended,
  { terms, isDisabled, grants, sessions, consents }: FormerDeps,
): readonly (() => Promise<unknown>)[] => {
  const { client_id, sub } = ended
  const reason = reasonOf(ended, { terms, isDisabled })
  const isOver = (given: Grant | Consent): boolean =>
    !terms.names(ended) || given.term !== terms.of(given.client_id, given.sub)
  const sessionIsOver = (session: Session): boolean =>
    !terms.names(ended) || session.term !== terms.ofAccount(session.sub)

  return [
    ...(client_id === undefined
      ? []
      : [
          () => grants.endAllOfClient(client_id, reason, isOver),
          () => consents.removeAllOfClient(client_id, isOver),
        ]),
    ...(sub === undefined
      ? []
      : [
          () => sessions.endAllOfAccount(sub, sessionIsOver),
          () => grants.endAllOfAccount(sub, reason, isOver),
          () => consents.removeAllOfAccount(sub, isOver),
        ]),
  ]
}

const reasonOf = (
  ended: Ended,
  { terms, isDisabled }: Pick<FormerDeps, 'terms' | 'isDisabled'>,
): string => {
  if (terms.names(ended)) return 'another password'
  const disabled = ended.sub !== undefined && isDisabled(ended.sub)
  return disabled ? 'disabled in the configuration' : 'removed from the configuration'
}

/** The steps that take out of the store what was given in a term of an account that is over, and nothing since. */
export const endOver = (
  sub: string,
  reason: string,
  { terms, grants, sessions, consents }: Omit<FormerDeps, 'isDisabled'>,
): readonly (() => Promise<unknown>)[] => {
  const isOver = (given: Grant | Consent) => given.term !== terms.of(given.client_id, given.sub)
  return [
    () => sessions.endAllOfAccount(sub, (session) => session.term !== terms.ofAccount(sub)),
    () => grants.endAllOfAccount(sub, reason, isOver),
    () => consents.removeAllOfAccount(sub, isOver),
  ]
}
