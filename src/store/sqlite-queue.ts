import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Committed } from './adapter.ts'
import {
  type CountedPart,
  type Job,
  type JobWork,
  type Outcome,
  ticks,
  type WriterSettings,
} from './sqlite-jobs.ts'
import { StoreUnavailable } from './store.ts'

/** The event loop's side of the writing thread. */
export type WriteQueue = {
  commit(work: Extract<JobWork, { kind: 'commit' }>): Promise<Committed>
  purge(work: Extract<JobWork, { kind: 'purge' }>): Promise<number>
  /** A part of the rows, in the thread. */
  count(after: string): Promise<CountedPart>
  beat(work: Extract<JobWork, { kind: 'beat' }>): Promise<void>
  /** Lets what is queued finish, within the deadline. */
  close(): Promise<void>
}

type QueueDeps = WriterSettings & {
  /** Milliseconds after which a call rejects. */
  readonly deadline: number
  /** Messages were committed, perhaps after their caller was told otherwise. */
  readonly told: () => void
  /** The thread ended by a mistake or a lack. Told once, until one has done something again. */
  readonly failed: (cause: unknown) => void
}

/**
 * The thread starts with the first job, and anew after it died. A job that is not done by its deadline rejects, and is
 * dropped unless its COMMIT is already under way: only a disk that hangs in that very moment lets a write that was
 * reported as failed take effect.
 */
export const createWriteQueue = (deps: QueueDeps): WriteQueue => {
  const waiting = new Map<number, (outcome: Outcome) => void>()
  let worker: Worker | undefined
  let ready = false
  let failing = false
  let lastId = 0
  /** Jobs that the thread has and has not answered. */
  let inFlight = 0
  const unsent: Job[] = []

  const start = (): Worker => {
    const { file, maximumPages } = deps
    const thread = new Worker(new URL(`./sqlite-writer${EXTENSION}`, import.meta.url), {
      workerData: { file, maximumPages } satisfies WriterSettings,
    })
    let reason = 'the writing thread ended'
    ready = false
    thread.unref()
    thread.on('message', hear)
    thread.on('error', (cause) => {
      reason = cause.message
      if (!failing) deps.failed(cause)
      failing = true
    })
    thread.on('exit', () => {
      if (worker === thread) worker = undefined
      unsent.length = 0
      inFlight = 0
      for (const id of waiting.keys()) answer([{ id, failure: reason }])
    })
    return thread
  }

  const hear = (outcomes: readonly Outcome[]): void => {
    ready = true
    if (outcomes.length > 0) failing = false
    if (outcomes.some((outcome) => 'committed' in outcome && outcome.told)) deps.told()
    inFlight -= outcomes.length
    answer(outcomes)
    flush()
  }

  const answer = (outcomes: readonly Outcome[]): void => {
    for (const outcome of outcomes) {
      const settle = waiting.get(outcome.id)
      waiting.delete(outcome.id)
      settle?.(outcome)
    }
  }

  // What is asked while the thread works goes in one message, and into one transaction: waking it costs more than what it
  // writes, and so does another fsync. It goes once it is as much as the thread has, so that neither ever waits for the other.
  const send = (job: Job): void => {
    if (unsent.push(job) === 1 || unsent.length === inFlight) setImmediate(flush)
  }

  // As text: half of what a copy of the objects costs.
  const post = (thread: Worker): void => {
    inFlight += unsent.length
    thread.postMessage(JSON.stringify(unsent.splice(0)))
  }

  const flush = (): void => {
    if (worker !== undefined && unsent.length > 0 && unsent.length >= inFlight) post(worker)
  }

  const submit = (work: JobWork): Promise<Outcome> => {
    if (waiting.size >= MOST_WAITING) throw new StoreUnavailable('too many writes wait')
    worker ??= start()
    const id = ++lastId
    const patience = ready ? deps.deadline : deps.deadline + START
    // A little earlier than ours, so that what we report as failed has not begun.
    const deadline = ticks() + patience - Math.min(MARGIN, deps.deadline / 2)
    send({ ...work, id, deadline })
    return new Promise((resolve) => {
      // One turn later than the timer, so that an answer which waits behind a busy loop is read first.
      const overdue = () => setImmediate(answer, [{ id, failure: OVERDUE }])
      const timer = setTimeout(overdue, patience)
      waiting.set(id, (outcome) => {
        clearTimeout(timer)
        resolve(outcome)
      })
    })
  }

  return {
    async commit(work) {
      const outcome = await submit(work)
      if ('committed' in outcome) return outcome.committed
      throw unavailable(outcome)
    },
    async purge(work) {
      const outcome = await submit(work)
      if ('purged' in outcome) return outcome.purged
      throw unavailable(outcome)
    },
    async count(after) {
      const outcome = await submit({ kind: 'count', after })
      if ('counted' in outcome) return outcome
      throw unavailable(outcome)
    },
    async beat(work) {
      const outcome = await submit(work)
      if (!('purged' in outcome)) throw unavailable(outcome)
    },
    async close() {
      const thread = worker
      if (thread === undefined) return
      const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()))
      const timer = setTimeout(() => void thread.terminate(), deps.deadline)
      post(thread)
      thread.postMessage('close')
      await ended
      clearTimeout(timer)
    },
  }
}

const unavailable = (outcome: Outcome): StoreUnavailable =>
  new StoreUnavailable(`the store did not write: ${'failure' in outcome ? outcome.failure : ''}`)

// `.ts` in a checkout, `.js` once compiled.
const EXTENSION = extname(fileURLToPath(import.meta.url))
// Milliseconds more for what waits while the thread starts: 40 on an idle machine, ten times that on a busy one.
const START = 4000
const MOST_WAITING = 10_000
const MARGIN = 50
const OVERDUE = 'no answer before the deadline'
