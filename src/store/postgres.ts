import { type Clock, systemClock } from '../clock.ts'
import type { PostgresLocation } from '../config/store-location.ts'
import type { Log } from '../telemetry/log.ts'
import { createStore } from './adapter.ts'
import { createCalls, within } from './calls.ts'
import { keepConnected } from './keep-connected.ts'
import { createListeners } from './listeners.ts'
import { admitPostgres, deaf, postgresRefusal } from './postgres-admission.ts'
import { openListener, openPool, type PostgresListener } from './postgres-connections.ts'
import { BEAT } from './postgres-schema.ts'
import { createSteps } from './postgres-steps.ts'
import { createPushChannel } from './push-channel.ts'
import { randomSecret } from './secrets.ts'
import { ticks } from './sqlite-jobs.ts'
import type { Store } from './store.ts'

export type PostgresDeps = {
  readonly clock: Clock
  readonly log: Log
  /** Seconds after which a call rejects; 1 unless given. */
  readonly deadline?: number
  /** Calls that may be unanswered at a time. */
  readonly most?: number
}

/**
 * Opens the store in a PostgreSQL database. A server that cannot be reached is no reason not to start: every call rejects
 * until it can be. Throws StoreRefused when we will not start on it.
 */
export const postgresStore = async (
  location: PostgresLocation,
  deps: PostgresDeps,
): Promise<Store> => {
  const { clock, log, most = MOST } = deps
  const deadline = (deps.deadline ?? 1) * 1000
  const process = randomSecret().slice(0, 16)
  const names = { channel: location.schema, beat: `${location.schema} ${process}` }
  const listeners = createListeners<string>(log)
  const channel = createPushChannel(process, listeners.tell)
  const calls = createCalls({ deadline, most })
  const pool = openPool(location, {
    patience: deadline,
    idle: (cause) => log.debug('store.idle', { cause }),
  })
  // The server's clock minus ours, in milliseconds: what we gave up must not begin there.
  let ahead = 0
  // Turns of the heartbeat since the last answer. Counted, not timed: a stall of our own is not its fault.
  let unanswered = 0
  let unheard = 0
  let beating = false
  let admitted = false
  let closed = false

  const connect = async (lost: (cause: unknown) => void): Promise<PostgresListener> => {
    const arrival = Promise.withResolvers<void>()
    const heard = (message: string): void => {
      arrival.resolve()
      channel.receive(message)
    }
    let listener: PostgresListener | undefined
    try {
      // The first time it may have a schema to make. Later whoever does not answer at once is asked again, not waited for.
      const connecting = Math.max(deadline, CONNECTING)
      const patience = admitted ? connecting : START
      listener = await openListener(location, { connecting, patience, lost, heard })
      await admitPostgres(listener, location, log)
      for (const name of [names.channel, names.beat]) await listener.query(`LISTEN "${name}"`)
      // What is said on this connection need not outlive the server.
      await listener.query('SET synchronous_commit = off')
      ahead = await beatOn(listener)
      // Over another connection, as other processes will say it.
      await pool.run(SAY, [names.beat, channel.beat()], ticks() + deadline)
      await within(HEARING, arrival.promise).catch(() => {
        throw deaf(location)
      })
      return listener
    } catch (cause) {
      listener?.close()
      throw postgresRefusal(location, cause)
    }
  }

  const beatOn = async (listener: PostgresListener): Promise<number> => {
    const sent = ticks()
    const [row] = await listener.query(BEAT, [names.beat, channel.beat()])
    return Number(row?.time) - (sent + ticks()) / 2
  }

  const links = keepConnected({
    connect,
    disconnect: (listener) => listener.close(),
    standing() {
      admitted = true
      unanswered = 0
      beating = false
      unheard = 0
      channel.restored()
    },
    lost: channel.lost,
    log,
  })

  const beat = (): void => {
    within(deadline, beatOnce()).catch((cause: unknown) => log.debug('store.beat', { cause }))
  }

  const beatOnce = async (): Promise<void> => {
    const listener = links.current()
    if (unanswered >= MOST_UNHEARD) return links.drop(listener, new Error('it does not answer'))
    unanswered += 1
    if (beating) return
    beating = true
    try {
      ahead = await beatOn(listener)
      // A statement that was given up is no answer.
      unanswered = 0
    } finally {
      beating = false
    }
    unheard = channel.healthy() ? 0 : unheard + 1
    if (unheard > MOST_UNHEARD) {
      links.drop(listener, new Error('what is published does not arrive'))
    }
  }

  const steps = createSteps({
    pool,
    channel,
    now: () => clock() * 1000,
    until: (end) => end + ahead - MARGIN,
    publishOn: names.channel,
  })

  const onPool = <Result>(step: (end: number) => Promise<Result>): Promise<Result> =>
    calls.run(() => {
      // The reason why there is no connection, until there has been one that we could look at.
      if (closed || !admitted) links.current()
      return step(ticks() + deadline)
    })

  const timer = setInterval(beat, BEAT_EVERY).unref()
  const close = async (): Promise<void> => {
    if (closed) return
    closed = true
    clearInterval(timer)
    links.close()
    await within(deadline, pool.close()).catch(() => {})
  }
  await links.tried.catch(async (cause: unknown) => {
    await close()
    throw cause
  })

  return createStore({
    ahead: () => ahead + ticks() - systemClock() * 1000,
    read: (keys) => onPool((end) => steps.read(keys, end)),
    list: (index, start, limit, newest) =>
      onPool((end) => steps.list({ index, start, limit, newest }, end)),
    commit: (writes, publish) => onPool((end) => steps.commit(writes, publish, end)),
    ping: () => onPool((end) => steps.ping(end)),
    purge: (limit) => onPool((end) => steps.purge(limit, end)),
    rows: () => onPool((end) => steps.rows(end)),
    subscribe: listeners.add,
    channel,
    close,
  })
}

const SAY = { name: 'say', text: BEAT }

const MOST = 2000
// Milliseconds.
const BEAT_EVERY = 250
const MARGIN = 50
const HEARING = 2000
const START = 10_000
const CONNECTING = 1000
const MOST_UNHEARD = 8
