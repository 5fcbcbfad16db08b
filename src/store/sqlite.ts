import { statSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { type Clock, systemClock } from '../clock.ts'
import type { Log } from '../telemetry/log.ts'
import { createStore } from './adapter.ts'
import { createListeners } from './listeners.ts'
import { randomSecret } from './secrets.ts'
import { createChannel } from './sqlite-channel.ts'
import { openFile } from './sqlite-file.ts'
import { ticks } from './sqlite-jobs.ts'
import { createWriteQueue } from './sqlite-queue.ts'
import { createReader } from './sqlite-reader.ts'
import { type Store, StoreUnavailable } from './store.ts'

export type SqliteDeps = {
  readonly clock: Clock
  readonly log: Log
  /** Seconds after which a call rejects; 1 unless given. */
  readonly deadline?: number
  /** The largest size that the file may grow to, in pages of 4 KiB. */
  readonly maximumPages?: number
}

/** Opens, or makes, the store in one SQLite file. Throws StoreRefused when we will not start on it. */
export const sqliteStore = (file: string, deps: SqliteDeps): Store => {
  const { clock, log } = deps
  const deadline = (deps.deadline ?? 1) * 1000
  const database = openFile(file)
  const listeners = createListeners<string>(log)
  const process = randomSecret().slice(0, 16)
  const reader = createReader(database, deadline)
  const channel = createChannel(database, process, listeners.tell)
  const { maximumPages } = deps
  const queue = createWriteQueue({
    ...{ file, maximumPages, deadline },
    told: () => poll(),
    failed: (cause) => log.error('store.thread', { file, cause }),
  })
  const isInPlace = sameFile(file)
  let closed = false
  let inPlace = true
  let polled = true

  const poll = (): void => {
    try {
      if (!closed) channel.poll()
      polled = true
    } catch (cause) {
      // Once, not fifty times a second for as long as it lasts.
      if (polled) log.warn('store.poll', { cause })
      polled = false
    }
  }

  const beat = (): void => {
    if (inPlace !== isInPlace()) {
      inPlace = !inPlace
      log.error('store.file', { file, in_place: inPlace })
    }
    const job = { kind: 'beat', process, sent: ticks(), at: systemClock() * 1000 } as const
    // A heartbeat that fails is missed: `healthy` tells.
    if (inPlace) queue.beat(job).catch((cause: unknown) => log.debug('store.beat', { cause }))
  }

  const timers = [setInterval(poll, POLL_EVERY).unref(), setInterval(beat, BEAT_EVERY).unref()]

  const whileOpen = async <Result>(step: () => Promise<Result>): Promise<Result> => {
    if (closed) throw new StoreUnavailable('the store is closed')
    // What we acknowledged into a file without a name would be gone with this process.
    if (!inPlace) throw new StoreUnavailable(`${file} was moved or replaced`)
    return step()
  }

  const countRows = async (goOn = () => true): Promise<number> => {
    let rows = 0
    let after: string | undefined = ''
    while (after !== undefined && goOn()) {
      const from: string = after
      const part = await whileOpen(() => queue.count(from))
      rows += part.counted
      after = part.after
      // Whoever writes waits for no more than a part.
      if (after !== undefined) await pause(REST, undefined, { ref: false })
    }
    return rows
  }

  const now = (): number => clock() * 1000
  const at = (): number => systemClock() * 1000

  return createStore({
    read: (keys) => whileOpen(() => reader.read(keys, now())),
    list: (index, after, limit, newest) =>
      whileOpen(() => reader.list(index, now(), after, limit, newest)),
    ping: () => whileOpen(reader.ping),
    commit: (writes, publish) =>
      whileOpen(() => queue.commit({ kind: 'commit', writes, publish, now: now(), at: at() })),
    purge: (limit) => whileOpen(() => queue.purge({ kind: 'purge', limit, now: now(), at: at() })),
    rows: countRows,
    subscribe: listeners.add,
    channel,
    async close() {
      if (closed) return
      timers.forEach(clearInterval)
      await queue.close()
      closed = true
      database.close()
    },
  })
}

const sameFile = (file: string): (() => boolean) => {
  const opened = statSync(file)
  return () => {
    const found = statSync(file, { throwIfNoEntry: false })
    return found?.ino === opened.ino && found.dev === opened.dev
  }
}

// Milliseconds.
const POLL_EVERY = 20
const BEAT_EVERY = 250
const REST = 20
