import { afterEach, describe, expect, it } from 'vitest'
import { openStores } from '../src/store/open.ts'
import { createClient } from './support/client.ts'
import { fakedClock } from './support/faked-clock.ts'
import { createPerson } from './support/person.ts'
import { freePort, spawnPortcullis, until } from './support/portcullis.ts'
import { authorize, newGrant, openRoom } from './support/rooms.ts'
import { serverKinds } from './support/store-servers.ts'
import {
  locationOf,
  movableClock,
  recordingLog,
  storeConfig,
  temporaryFolder,
} from './support/stores.ts'
import { witnessed } from './support/witness.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const HOUR = 3600

/** Where a store of each kind is. */
const places: readonly (readonly [string, boolean, () => Promise<string>])[] = [
  [
    'sqlite',
    false,
    async () => {
      const folder = temporaryFolder()
      closers.push(folder.remove)
      return `${folder.path}/store.db`
    },
  ],
  ...serverKinds.map(
    ({ kind, absent, start }) =>
      [
        kind,
        absent,
        async () => {
          const server = await start()
          closers.push(server.stop)
          return server.url('steps')
        },
      ] as const,
  ),
]

describe('R-31 a clock that is set forward and back again', () => {
  for (const [kind, absent, place] of places) {
    it.skipIf(absent)(
      `makes no code, assertion or refresh token new, whatever was purged meanwhile; on ${kind}`,
      async () => {
        const clock = movableClock()
        const config = storeConfig({ store: locationOf(await place()) })
        const stores = await openStores(config, { clock, log: recordingLog().log })
        closers.push(stores.close)
        const value = await stores.codes.issue({
          grant: newGrant(stores, clock()),
          redirect_uri: 'https://app.example/callback',
          redirect_uri_given: true,
          lifetime: 60,
        })
        const code = await stores.codes.find(value ?? '')
        if (code === undefined) throw new Error('no code')
        const { grant, value: first } = stores.refreshTokens.first(code.grant, config.tokens)
        const claim = { client_id: 'web', redeemed: grant }
        expect(await stores.codes.claim(code, claim)).toBe('claimed')
        expect(await stores.assertions.use('web', 'once', clock() + 60)).toBe(true)
        clock.move(HOUR - 1)
        while ((await stores.store.purge(1000)) > 0);
        clock.move(1 - HOUR)
        const again = await stores.codes.find(value ?? '')
        expect(again === undefined || again.spent !== undefined).toBe(true)
        expect(await stores.codes.claim(code, claim)).toBe('lost')
        expect(await stores.assertions.use('web', 'once', clock() + 60)).toBe(false)
        const presented = await stores.refreshTokens.present(first, config.tokens)
        expect(presented.state).toBe('current')
      },
      60_000,
    )
  }
})

describe('R-31 a clock that is set back', () => {
  it('gives no code a longer life than a minute more', async () => {
    const { stores, clock } = await openRoom()
    const issue = () =>
      stores.codes.issue({
        grant: newGrant(stores, clock()),
        redirect_uri: 'https://app.example/callback',
        redirect_uri_given: true,
        lifetime: 60,
      })
    const code = (await issue()) ?? ''
    const found = await stores.codes.find(code)
    if (found === undefined) throw new Error('no code')
    clock.move(-HOUR)
    expect(await stores.codes.find(code)).toBeUndefined()
    expect(await stores.codes.claim(found, { client_id: 'web' })).toBe('lost')
    expect(await stores.codes.find((await issue()) ?? '')).toBeDefined()
  })

  it('R-32 by as much as two instances may differ, hurts nobody', async () => {
    const { stores, config, clock } = await openRoom()
    clock.move(30)
    const ahead = clock()
    clock.move(-30)
    const { access } = await authorize(stores, config, ahead)
    expect(await stores.tokens.find(access)).toMatchObject({ sub: 'ada' })
  })
})

// Of the system, under a program of its own.
const faked = fakedClock()
if (faked === undefined) console.info('R-31 on a process is skipped: libfaketime is not installed')

describe.skipIf(faked === undefined && process.env.CI === undefined)('R-31 a process', () => {
  it('says how far its clock jumped, refuses what seems to be over, and goes on with what is new', async () => {
    if (faked === undefined) throw new Error('libfaketime is not installed')
    closers.push(faked.remove)
    const running = await spawnPortcullis(witnessed(await freePort()), { env: { ...faked.env } })
    closers.push(running.stop)
    const web = createClient(running.origin, 'web', { secret: 'web-secret' })
    const give = async () => {
      const ada = createPerson('ada', 'ada-password')
      const callback = await ada.authorize(web.authorizationUrl())
      const { status, body } = await web.redeem(callback)
      expect(status).toBe(200)
      return { callback, access: body.access_token }
    }
    const call = async (token: unknown) => {
      const headers = { Authorization: `Bearer ${token}` }
      const answer = await fetch(`${running.origin}/things/1`, { headers })
      await answer.arrayBuffer()
      return answer.status
    }
    const jumped = async (seconds: number) => {
      faked.set(seconds)
      await until(() => running.output().includes('"event":"clock.jumped"'))
    }
    // 502: let through, to an upstream that is not there.
    const before = await give()
    expect(await call(before.access)).toBe(502)
    await jumped(2 * HOUR)
    expect(await call(before.access)).toBe(401)
    const during = await give()
    expect(await call(during.access)).toBe(502)
    faked.set(0)
    await until(() => (running.output().match(/"event":"clock.jumped"/g) ?? []).length === 2)
    const steps = [...running.output().matchAll(/"event":"clock.jumped","seconds":(-?\d+)/g)]
    expect(steps.map(([, seconds]) => Math.round(Number(seconds) / 100) * 100)).toEqual([
      2 * HOUR,
      -2 * HOUR,
    ])
    expect((await web.redeem(before.callback)).status).toBe(400)
    expect((await web.redeem(during.callback)).status).toBe(400)
    expect(await call((await give()).access)).toBe(502)
    expect((await fetch(`${running.admin}/readyz`)).status).toBe(200)
  }, 60_000)
})
