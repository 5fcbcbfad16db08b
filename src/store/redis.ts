import { type Clock, systemClock } from '../clock.ts'
import type { RedisLocation } from '../config/store-location.ts'
import type { Log } from '../telemetry/log.ts'
import { type Committed, createStore, type ListedRow } from './adapter.ts'
import { createCalls, wordsOf } from './calls.ts'
import { keepConnected } from './keep-connected.ts'
import { createListeners } from './listeners.ts'
import { createPushChannel } from './push-channel.ts'
import { admitRedis, nameOf, redisRefusal } from './redis-admission.ts'
import { openRedisLink, type RedisLink } from './redis-link.ts'
import { BEAT, COMMIT, PURGE } from './redis-scripts.ts'
import { randomSecret } from './secrets.ts'
import { ticks } from './sqlite-jobs.ts'
import { type Store, StoreUnavailable, type Write } from './store.ts'

export type RedisDeps = {
  readonly clock: Clock
  readonly log: Log
  /** Seconds after which a call rejects; 1 unless given. */
  readonly deadline?: number
  /** Calls that may be unanswered at a time. */
  readonly most?: number
}

/**
 * Opens the store on a Redis or Valkey server. A server that cannot be reached is no reason not to start: every call
 * rejects until it can be. Throws StoreRefused when we will not start on it.
 */
export const redisStore = async (location: RedisLocation, deps: RedisDeps): Promise<Store> => {
  const { clock, log, most = MOST } = deps
  const deadline = (deps.deadline ?? 1) * 1000
  const names = namesIn(location.prefix)
  const process = randomSecret().slice(0, 16)
  const listeners = createListeners<string>(log)
  const channel = createPushChannel(process, listeners.tell)
  const calls = createCalls({ deadline, most })
  // The server's clock minus ours, in milliseconds: what we gave up must not begin there.
  let ahead = 0
  // Of what the server holds: another, when somebody has emptied it under us.
  let epoch: string | undefined
  // Heartbeats since the last answer. Counted, not timed: a stall of our own is not its fault.
  let unanswered = 0
  // Heartbeats that the server took in a row, and that did not come back.
  let unheard = 0

  const connect = async (lost: (cause: unknown) => void): Promise<RedisLink> => {
    const patience = Math.min(deadline, PATIENCE)
    const link = await openRedisLink(location, { patience, lost }).catch((cause: unknown) => {
      throw redisRefusal(location, cause)
    })
    try {
      await calls.run(async () => {
        await admitRedis(link, location, log)
        await link.subscribe([names.channel, names.beat(process)], channel.receive)
        for (const { text } of [COMMIT, PURGE, BEAT]) await link.command('SCRIPT', 'LOAD', text)
        ahead = await differenceTo(link)
      })
      return link
    } catch (cause) {
      link.close()
      throw redisRefusal(
        location,
        cause instanceof StoreUnavailable ? (cause.cause ?? cause) : cause,
      )
    }
  }

  const differenceTo = async (link: RedisLink): Promise<number> => {
    const sent = ticks()
    const [seconds = '', microseconds = ''] = await link.command<string[]>('TIME')
    return Number(seconds) * 1000 + Number(microseconds) / 1000 - (sent + ticks()) / 2
  }

  const beatOn = async (link: RedisLink): Promise<void> => {
    const sent = ticks()
    const parts = [names.beat(process), channel.beat(), randomSecret()]
    const keys = [names.beat(process), names.epoch]
    const [time, found = ''] = await link.run<string[]>(BEAT, keys, parts)
    ahead = Number(time) - (sent + ticks()) / 2
    if (epoch !== undefined && epoch !== found) {
      log.error('store.emptied', { store: nameOf(location) })
      channel.missed()
    }
    epoch = found
  }

  const links = keepConnected({
    connect,
    disconnect: (link) => link.close(),
    standing() {
      unanswered = 0
      unheard = 0
      channel.restored()
    },
    lost: channel.lost,
    log,
  })

  const onLink = <Result>(step: (link: RedisLink) => Promise<Result>): Promise<Result> =>
    calls.run(async () => {
      const link = links.current()
      return step(link).catch((cause: unknown) => {
        // It was the primary, and is none any more: another may be found under its name.
        if (/^(READONLY|MASTERDOWN|LOADING)/.test(wordsOf(cause))) links.drop(link, cause)
        throw cause
      })
    })

  const beat = (): void => {
    onLink(async (link) => {
      // Hung, or behind a network that swallows everything: what it owes us is not waited for.
      if (unanswered >= MOST_UNHEARD) return links.drop(link, new Error('it does not answer'))
      unanswered += 1
      try {
        await beatOn(link)
      } finally {
        unanswered = 0
      }
      unheard = channel.healthy() ? 0 : unheard + 1
      if (unheard > MOST_UNHEARD) links.drop(link, new Error('what is published does not arrive'))
    }).catch((cause: unknown) => log.debug('store.beat', { cause }))
  }

  const commit = async (link: RedisLink, writes: readonly Write[], publish: readonly string[]) => {
    const envelopes = channel.wrap(publish)
    const [won, ...stood] = await link.run<number[]>(
      COMMIT,
      [...names.own, ...writes.map(({ key }) => names.row(key))],
      [
        ...[String(clock() * 1000), String(ticks() + ahead + deadline - MARGIN)],
        ...[names.list(''), names.channel, String(publish.length), ...envelopes],
        ...writes.flatMap(partsOf),
      ],
    )
    const committed: Committed = { won: won === 1, stood: stood.map((one) => one === 1) }
    if (committed.won) channel.sent(envelopes)
    if (committed.won && location.replicas > 0) await replicated(link)
    return committed
  }

  const replicated = async (link: RedisLink): Promise<void> => {
    const patience = String(Math.ceil(deadline / 2))
    const replicas = await link.command<number>('WAIT', String(location.replicas), patience)
    if (replicas >= location.replicas) return
    throw new StoreUnavailable(`only ${replicas} replicas have what was written`)
  }

  const read = async (link: RedisLink, keys: readonly string[]) => {
    if (keys.length === 0) return []
    const rows = await link.command<(string | null)[]>('MGET', ...keys.map(names.row))
    const now = clock() * 1000
    return rows.map((row) => valueIn(row, now))
  }

  const list = async (link: RedisLink, { index, start, limit, newest }: Listing) => {
    const found: ListedRow[] = []
    let last = start
    for (;;) {
      const range = newest
        ? ['ZREVRANGEBYSCORE', names.list(index), `(${last}`, '-inf']
        : ['ZRANGEBYSCORE', names.list(index), `(${last}`, '+inf']
      const flat = await link.command<string[]>(
        ...[...range, 'WITHSCORES', 'LIMIT', '0', String(limit)],
      )
      const places = placesIn(flat)
      const values = await read(
        link,
        places.map(({ key }) => key),
      )
      for (const [at, place] of places.entries()) {
        const value = values[at]
        if (value !== undefined && found.push({ ...place, value }) === limit) return found
      }
      if (places.length < limit) return found
      last = places.at(-1)?.id ?? last
    }
  }

  const timer = setInterval(beat, BEAT_EVERY).unref()
  const close = async (): Promise<void> => {
    clearInterval(timer)
    links.close()
  }
  await links.tried.catch(async (cause: unknown) => {
    await close()
    throw cause
  })

  return createStore({
    ahead: () => ahead + ticks() - systemClock() * 1000,
    read: (keys) => onLink((link) => read(link, keys)),
    list: (index, start, limit, newest) =>
      onLink((link) => list(link, { index, start, limit, newest })),
    commit: (writes, publish) => onLink((link) => commit(link, writes, publish)),
    ping: () => onLink(async (link) => void (await link.command('PING'))),
    purge: (limit) =>
      onLink((link) => {
        const parts = [String(clock() * 1000), String(limit), names.row(''), names.list('')]
        return link.run<number>(PURGE, names.own.slice(1), parts)
      }),
    // Of the whole database, which had better be ours alone.
    rows: () => onLink((link) => link.command<number>('DBSIZE')),
    subscribe: listeners.add,
    channel,
    close,
  })
}

type Listing = {
  readonly index: string
  readonly start: number
  readonly limit: number
  readonly newest: boolean
}

const namesIn = (prefix: string) => ({
  own: [`${prefix}sequence`, `${prefix}places`, `${prefix}due`],
  epoch: `${prefix}epoch`,
  channel: `${prefix}messages`,
  row: (key: string) => `${prefix}row:${key}`,
  list: (name: string) => `${prefix}list:${name}`,
  beat: (process: string) => `${prefix}beat:${process}`,
})

const partsOf = (write: Write): string[] => {
  if (write.op === 'delete') return ['delete', write.key]
  const names = write.indexes ?? []
  const [expected, value] =
    write.op === 'swap'
      ? [write.expected === undefined ? '' : `=${write.expected}`, write.next]
      : ['', write.value]
  return [
    ...[write.op, write.key, expected, value],
    ...[String(write.expires), String(names.length), ...names],
  ]
}

/** Keys, each with its score behind it. */
const placesIn = (flat: readonly string[]): { key: string; id: number }[] =>
  flat.flatMap((key, at) => (at % 2 === 0 ? [{ key, id: Number(flat[at + 1]) }] : []))

const valueIn = (row: string | null, now: number): string | undefined => {
  if (row === null) return undefined
  const space = row.indexOf(' ')
  return Number(row.slice(0, space)) > now ? row.slice(space + 1) : undefined
}

const MOST = 2000
// Milliseconds.
const BEAT_EVERY = 250
const MARGIN = 50
const PATIENCE = 1000
const MOST_UNHEARD = 8
