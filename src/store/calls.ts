import { StoreUnavailable } from './store.ts'

/** Calls to a store that is somewhere else. */
export type Calls = {
  /** Rejects with StoreUnavailable: at the deadline, at once when too many are unanswered, and when the step fails. */
  run<Result>(step: () => Promise<Result>): Promise<Result>
}

type CallSettings = {
  /** Milliseconds. */
  readonly deadline: number
  /** Calls that are unanswered at a time, those that were given up among them: nothing piles up behind a store that hangs. */
  readonly most: number
}

export const createCalls = ({ deadline, most }: CallSettings): Calls => {
  let unanswered = 0

  const counted = async <Result>(step: () => Promise<Result>): Promise<Result> => {
    unanswered += 1
    try {
      return await step()
    } finally {
      unanswered -= 1
    }
  }

  return {
    run(step) {
      if (unanswered >= most) {
        return Promise.reject(new StoreUnavailable('too many calls wait for the store'))
      }
      return within(deadline, counted(step)).catch((cause: unknown) => {
        throw asUnavailable(cause)
      })
    },
  }
}

/** Rejects with StoreUnavailable after `deadline` milliseconds. What was begun goes on, unheard. */
export const within = <Result>(deadline: number, answer: Promise<Result>): Promise<Result> =>
  new Promise((resolve, reject) => {
    const late = () => reject(new StoreUnavailable('no answer before the deadline'))
    // One turn later than the timer, so that an answer which waits behind a busy loop is read first.
    const timer = setTimeout(() => setImmediate(late), deadline)
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })

/** The store's own words are for the log: they may quote what we asked. */
const asUnavailable = (cause: unknown): Error =>
  cause instanceof StoreUnavailable || cause instanceof TypeError
    ? cause
    : new StoreUnavailable(`the store failed: ${wordsOf(cause)}`, { cause })

export const wordsOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message || codeOf(cause) : String(cause)

/** `ECONNREFUSED`, or the SQLSTATE of a database. */
export const codeOf = (cause: unknown): string =>
  cause instanceof Error && 'code' in cause ? String(cause.code) : ''
