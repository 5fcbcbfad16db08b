import type { Stores } from '../../src/store/open.ts'
import { StoreUnavailable } from '../../src/store/store.ts'

/** A store that does not answer: everything that would read or write it rejects. */
export const unreachable = (stores: Stores): Stores => failing(stores, () => true)

/** A store that stops answering whenever `isDown` says so. */
export const failing = (stores: Stores, isDown: () => boolean): Stores => ({
  ...stores,
  store: withFailures(stores.store, isDown, ['swap', 'batch', 'get', 'getMany', 'list']),
  codes: withFailures(stores.codes, isDown, ['issue', 'find', 'claim']),
  deviceCodes: withFailures(stores.deviceCodes, isDown, [
    ...(['begin', 'find', 'findByUserCode', 'findPending'] as const),
    ...(['deny', 'allow', 'poll', 'redeem'] as const),
  ]),
  assertions: withFailures(stores.assertions, isDown, ['use']),
  pushedRequests: withFailures(stores.pushedRequests, isDown, ['push', 'find']),
  grants: withFailures(stores.grants, isDown, ['find', 'end']),
  refreshTokens: withFailures(stores.refreshTokens, isDown, ['present', 'step']),
  tokens: withFailures(stores.tokens, isDown, ['find', 'revoke']),
  sessions: withFailures(stores.sessions, isDown, ['start', 'find', 'end']),
  consents: withFailures(stores.consents, isDown, ['find']),
})

const withFailures = <Part extends object>(
  part: Part,
  isDown: () => boolean,
  names: readonly (keyof Part)[],
): Part => {
  const unreliable = names.map((name) => {
    const step = part[name]
    if (typeof step !== 'function') throw new TypeError(`${String(name)} is no step`)
    const answer = (...given: unknown[]) =>
      isDown()
        ? Promise.reject(new StoreUnavailable('the store does not answer'))
        : Reflect.apply(step, part, given)
    return [name, answer]
  })
  return { ...part, ...Object.fromEntries(unreliable) }
}
