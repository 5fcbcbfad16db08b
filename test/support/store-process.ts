import { DatabaseSync } from 'node:sqlite'
import { systemClock } from '../../src/clock.ts'
import { keptSecret } from '../../src/store/kept-secret.ts'
import { openStores } from '../../src/store/open.ts'
import { openStore } from '../../src/store/open-store.ts'
import type { Store } from '../../src/store/store.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { locationOf, storeConfig } from './stores.ts'

// One more process on a store (a file, or a URL): answers each task over the channel to the test that forked it.
const [file = ''] = process.argv.slice(2)
const location = locationOf(file)
const deps = { clock: systemClock, log: silentLog, deadline: 15 }
const inAMinute = () => Date.now() + 60_000
let opened: Promise<Store> | undefined
let held: DatabaseSync | undefined

const store = (): Promise<Store> => {
  opened ??= openStore(location, deps)
  return opened
}

const say = (said: unknown) => process.send?.({ said })

const tasks = new Map<string, (parameters: never) => unknown>([
  [
    'race',
    // Every caller wants every key; answers with the keys that were won here, once for each winner.
    async ({ keys, callers }: { keys: readonly string[]; callers: number }) => {
      const won: string[] = []
      for (const key of keys) {
        const swap = async (next: number) =>
          (await store()).swap({
            key,
            expected: undefined,
            next: `${process.pid} ${next}`,
            expires: inAMinute(),
          })
        const results = await Promise.all(Array.from({ length: callers }, (_, i) => swap(i)))
        won.push(...results.filter(Boolean).map(() => key))
      }
      return won
    },
  ],
  [
    'claim',
    async ({ values, callers }: { values: readonly string[]; callers: number }) => {
      const stores = await openStores(storeConfig({ store: location }), deps)
      const claimed: string[] = []
      const claim = async (value: string) => {
        const code = await stores.codes.find(value)
        if (code === undefined || code.spent !== undefined) return
        const redeemed = { ...code.grant, redeemed: true }
        const result = await stores.codes.claim(code, { client_id: 'web', redeemed })
        if (result === 'claimed') claimed.push(value)
      }
      for (const value of values) {
        await Promise.all(Array.from({ length: callers }, () => claim(value)))
      }
      await stores.close()
      return claimed
    },
  ],
  [
    'redeem-devices',
    async ({ values, callers }: { values: readonly string[]; callers: number }) => {
      const stores = await openStores(storeConfig({ store: location }), deps)
      const redeemed: string[] = []
      const redeem = async (value: string) => {
        const code = await stores.deviceCodes.find(value)
        if (code.state !== 'allowed') return
        const grant = { ...code.grant, redeemed: true }
        if ((await stores.deviceCodes.redeem(code, grant, [])) === 'redeemed') redeemed.push(value)
      }
      for (const value of values) {
        await Promise.all(Array.from({ length: callers }, () => redeem(value)))
      }
      await stores.close()
      return redeemed
    },
  ],
  [
    'poll-devices',
    async ({ values, callers }: { values: readonly string[]; callers: number }) => {
      const stores = await openStores(storeConfig({ store: location }), deps)
      const polled: string[] = []
      const poll = async (value: string) => {
        const code = await stores.deviceCodes.find(value)
        if (code.state !== 'pending') return
        if ((await stores.deviceCodes.poll(code)) === 'pending') polled.push(value)
      }
      for (const value of values) {
        await Promise.all(Array.from({ length: callers }, () => poll(value)))
      }
      await stores.close()
      return polled
    },
  ],
  [
    'refresh',
    async ({ value, callers }: { value: string; callers: number }) => {
      const config = storeConfig({ store: location })
      const stores = await openStores(config, deps)
      const refresh = async () => {
        const presented = await stores.refreshTokens.present(value, config.tokens)
        if (!('value' in presented)) return presented.state
        const step = await stores.refreshTokens.step(presented, [])
        return step === 'lost' ? step : step.value
      }
      const answers = await Promise.all(Array.from({ length: callers }, refresh))
      await stores.close()
      return answers
    },
  ],
  [
    'end',
    async ({ grant_id }: { grant_id: string }) => {
      const stores = await openStores(storeConfig({ store: location }), deps)
      await stores.grants.end(grant_id, 'test')
      const at = Date.now()
      await stores.close()
      return at
    },
  ],
  ['publish', async ({ message }: { message: string }) => (await store()).publish(message)],
  [
    'publish-times',
    // One message after the other, each the moment when it is published.
    async ({ count }: { count: number }) => {
      const published = await store()
      for (let n = 0; n < count; n += 1) {
        await published.publish(`time ${performance.timeOrigin + performance.now()}`)
      }
    },
  ],
  ['keep', () => keptSecret(file)],
  ['listen', async () => void (await store()).subscribe(say)],
  [
    'lock',
    () => {
      held = new DatabaseSync(file)
      held.exec('BEGIN IMMEDIATE')
    },
  ],
  ['unlock', () => held?.exec('ROLLBACK')],
  [
    'write',
    // Says every key that was acknowledged, until it is killed.
    ({ round, callers }: { round: number; callers: number }) => {
      const write = async (caller: number) => {
        for (let n = 0; ; n += 1) {
          const key = `${round}-${caller}-${n}`
          await (await store()).batch([
            { op: 'swap', key, expected: undefined, next: key, expires: inAMinute() },
            { op: 'set', key: `${key}-too`, value: key, expires: inAMinute(), indexes: ['all'] },
          ])
          say(key)
        }
      }
      for (let caller = 0; caller < callers; caller += 1) void write(caller)
    },
  ],
])

process.on(
  'message',
  async ({ id, task, parameters }: { id: number; task: string; parameters: never }) => {
    try {
      process.send?.({ id, answer: await tasks.get(task)?.(parameters) })
    } catch (error) {
      process.send?.({ id, error: String(error) })
    }
  },
)
process.on('disconnect', () => process.exit(0))
process.send?.({ id: 0 })
