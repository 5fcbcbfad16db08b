import type { Clock } from '../clock.ts'
import { digest, type Secrets } from './secrets.ts'
import type { Store } from './store.ts'
import type { Terms } from './terms.ts'

/** An authorization request that a client pushed (RFC 9126 §2.1). */
type PushedRequest = {
  /** SHA-256 of its value: what it is stored under, and what `answeredKey` names. */
  readonly id: string
  readonly client_id: string
  /** As it was checked when it was pushed. */
  readonly request: unknown
  /** Seconds since the epoch. */
  readonly expires: number
  /** The term of its client: over when that is. */
  readonly term?: string
}

/** What a value stands for. `answered`: a code was given for it, or refused by the person. */
type FoundRequest = PushedRequest & { readonly answered: boolean }

export type PushedRequests = {
  /** Resolves to its value, which is good for `lifetime` seconds. */
  push(request: Pick<PushedRequest, 'client_id' | 'request'>, lifetime: number): Promise<string>
  /** Undefined: not minted here, unknown, expired, or of a client's term that is over. */
  find(value: string): Promise<FoundRequest | undefined>
}

/**
 * One row a request, read as often as its page is loaded. Whether it was answered is told by the marker that is written with
 * the code, so that nothing is used up before.
 */
export const createPushedRequests = (deps: {
  readonly store: Store
  readonly secrets: Pick<Secrets, 'mint' | 'minted'>
  readonly clock: Clock
  readonly terms: Pick<Terms, 'of'>
}): PushedRequests => {
  const { store, secrets, clock, terms } = deps
  // No account is named so: what is left is the client's.
  const termOf = (client_id: string) => terms.of(client_id, '')

  return {
    async push({ client_id, request }, lifetime) {
      const value = secrets.mint('pushed-request')
      const id = digest(value)
      const expires = clock() + lifetime
      const term = termOf(client_id)
      const row: PushedRequest = {
        ...{ id, client_id, request, expires },
        ...(term !== undefined && { term }),
      }
      await store.batch([
        { op: 'set', key: pushedKey(id), value: JSON.stringify(row), expires: expires * 1000 },
      ])
      return value
    },
    async find(value) {
      if (!secrets.minted('pushed-request', value)) return undefined
      const id = digest(value)
      const [row, answered] = await store.getMany([pushedKey(id), answeredKey(id)])
      const pushed: PushedRequest | undefined = row === undefined ? undefined : JSON.parse(row)
      if (pushed === undefined || pushed.expires <= clock()) return undefined
      if (pushed.term !== termOf(pushed.client_id)) return undefined
      return { ...pushed, answered: answered !== undefined }
    },
  }
}

const pushedKey = (id: string): string => `pushed-request:${id}`

/** Of the marker that a request, pushed or not, was answered: it stands once, whoever writes it first. */
export const answeredKey = (id: string): string => `request:${id}`
