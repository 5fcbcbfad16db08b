import type { Outcome } from './outcome.ts'

/** The boxes of scopes, as they were ticked. */
type ScopeChoice = { readonly scopes: ReadonlySet<string>; readonly everyScope: boolean }

export const scopesIn = (posted: URLSearchParams): ScopeChoice => ({
  scopes: new Set(posted.getAll('scope')),
  everyScope: posted.get('everyScope') !== null,
})

/** `scope`: separated by spaces; undefined: every one. */
export const scopesOfText = (scope: string | undefined): ScopeChoice => ({
  scopes: new Set(scope?.split(' ') ?? []),
  everyScope: scope === undefined,
})

/** Undefined: every scope. */
export const textOfScopes = ({ scopes, everyScope }: ScopeChoice): string | undefined =>
  everyScope ? undefined : [...scopes].join(' ')

/** Leaving all boxes empty must not open everything. */
export const lacksScope = ({ scopes, everyScope }: ScopeChoice): boolean =>
  scopes.size === 0 && !everyScope

export const NO_SCOPE: Outcome = {
  done: false,
  status: 400,
  problem: 'Say which scopes: tick one at least.',
  flaws: [{ pointer: '/scope', detail: 'Tick at least one, or every scope.' }],
}
