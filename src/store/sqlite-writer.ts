/**
 * The writing thread of a SQLite store: gathers what waits into one transaction, and answers after its COMMIT. A slow
 * disk or a foreign lock stops this thread, never the event loop.
 */
import { DatabaseSync } from 'node:sqlite'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { type Job, type Outcome, ticks, type WriterSettings } from './sqlite-jobs.ts'
import { createSteps } from './sqlite-steps.ts'

const GROUP = 256
const BUSY = 5
// Milliseconds that one attempt may sleep inside SQLite on a foreign lock, and the pause before the next.
const PATIENCE = 20
// KiB: keys are random, and each page of their index is read and written again and again.
const CACHE = 16_384
const PAUSE = 2

const serve = (port: MessagePort, settings: WriterSettings): void => {
  const database = open(settings)
  const step = createSteps(database)
  const queue: Job[] = []
  let durable = true
  let waiting = false

  const later = (pause: number): void => {
    if (waiting) return
    waiting = true
    const turn = () => {
      waiting = false
      work()
    }
    if (pause === 0) setImmediate(turn)
    else setTimeout(turn, pause)
  }

  const work = (): void => {
    answer(dropOverdue(queue))
    const group = queue.slice(0, GROUP)
    const done = together(group)
    if (done === 'busy') {
      later(PAUSE)
      return
    }
    queue.splice(0, done.length)
    answer(done)
    if (queue.length > 0) later(0)
  }

  const answer = (outcomes: readonly Outcome[]): void => {
    if (outcomes.length > 0) port.postMessage(outcomes)
  }

  /** Outcomes of the group, or of its first jobs; none when it must be looked at again. */
  const together = (group: readonly Job[]): readonly Outcome[] | 'busy' => {
    if (group.length === 0) return []
    try {
      return transaction(group)
    } catch (cause) {
      if (database.isTransaction) database.exec('ROLLBACK')
      if (codeOf(cause) === BUSY) return 'busy'
      const [first] = group
      if (group.length > 1) return oneByOne(group)
      return first === undefined ? [] : [{ id: first.id, failure: wordsOf(cause) }]
    }
  }

  // One job that cannot be written must not spoil the others.
  const oneByOne = (group: readonly Job[]): readonly Outcome[] | 'busy' => {
    const done: Outcome[] = []
    for (const job of group) {
      const outcome = together([job])
      if (outcome === 'busy' || outcome.length === 0) return done.length > 0 ? done : outcome
      done.push(...outcome)
    }
    return done
  }

  const transaction = (group: readonly Job[]): readonly Outcome[] => {
    setDurability(group.some(({ kind }) => kind === 'commit'))
    database.exec('BEGIN IMMEDIATE')
    const done = group.map((job) => ({ id: job.id, ...step(job) }))
    // Whoever waits for one of these is told by now that it failed: take it back while that is possible.
    const overdue = group.some(isOverdue)
    database.exec(overdue ? 'ROLLBACK' : 'COMMIT')
    return overdue ? [] : done
  }

  // A heartbeat or a purge that a power loss takes back is no loss: no fsync for these alone.
  const setDurability = (needed: boolean): void => {
    if (durable !== needed) database.exec(`PRAGMA synchronous = ${needed ? 'FULL' : 'NORMAL'}`)
    durable = needed
  }

  // Says that it is there.
  port.postMessage([])
  /** Jobs as JSON, or `close`. */
  port.on('message', (message: string) => {
    if (message === 'close') {
      while (queue.length > 0 && !isBlocked(work, queue));
      queue.length = 0
      database.close()
      port.close()
      return
    }
    const jobs: readonly Job[] = JSON.parse(message)
    queue.push(...jobs)
    later(0)
  })
}

// The last jobs of a store that closes are done in this turn; a foreign lock that holds them up loses them, unanswered.
const isBlocked = (work: () => void, queue: readonly Job[]): boolean => {
  const before = queue.length
  work()
  return queue.length === before
}

const open = ({ file, maximumPages }: WriterSettings): DatabaseSync => {
  const database = new DatabaseSync(file, { timeout: PATIENCE })
  database.exec(`PRAGMA synchronous = FULL; PRAGMA cache_size = -${CACHE}`)
  if (maximumPages !== undefined) database.exec(`PRAGMA max_page_count = ${maximumPages}`)
  return database
}

const dropOverdue = (queue: Job[]): Outcome[] => {
  const jobs = queue.splice(0)
  const now = ticks()
  queue.push(...jobs.filter(({ deadline }) => deadline >= now))
  const overdue = jobs.filter(({ deadline }) => deadline < now)
  return overdue.map(({ id }) => ({ id, failure: 'it could not begin before its deadline' }))
}

const isOverdue = ({ deadline }: Job): boolean => ticks() > deadline

const codeOf = (cause: unknown): number =>
  cause instanceof Error && 'errcode' in cause ? Number(cause.errcode) & 0xff : 0

const wordsOf = (cause: unknown): string =>
  cause instanceof Error ? `${cause.message} (${codeOf(cause)})` : String(cause)

if (parentPort !== null) serve(parentPort, workerData)
