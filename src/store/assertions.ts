import { digest } from './secrets.ts'
import type { Store } from './store.ts'

/** What clients have authenticated with (RFC 7523 §3): each assertion is good once, in whichever process. */
export type Assertions = {
  /**
   * Claims one, in one atomic step; false: it was used before. `expires`: seconds, until when it could come again. Throws
   * StoreUnavailable.
   */
  use(client_id: string, jti: string, expires: number): Promise<boolean>
}

export const createAssertions = ({
  store,
}: {
  readonly store: Pick<Store, 'swap'>
}): Assertions => ({
  use: (client_id, jti, expires) =>
    store.swap({
      key: `assertion:${digest(JSON.stringify([client_id, jti]))}`,
      expected: undefined,
      next: 'used',
      expires: (expires + SET_BACK) * 1000,
    }),
})

// Seconds longer than it could come again: a clock that is set back by no more does not make it new.
const SET_BACK = 3600
