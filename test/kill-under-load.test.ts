import { describe, expect, it } from 'vitest'
import { type Killed, killUnderLoad } from './support/killed.ts'
import { serverKinds } from './support/store-servers.ts'

/** Two hundred each with `npm run chaos`. */
const ROUNDS = 3

const expectWhole = ({ problems, acknowledged }: Killed): void => {
  expect(problems).toEqual([])
  expect(acknowledged).toBeGreaterThan(40 + ROUNDS * 5)
}

describe('R-29 kill -9 under load: codes, tokens, refreshes, revocations and registrations that were acknowledged hold', () => {
  it('of the gateway, on SQLite', async () => {
    expectWhole(await killUnderLoad(undefined, 'gateway', ROUNDS))
  }, 180_000)

  for (const { kind, absent, start, durable } of serverKinds) {
    it.skipIf(absent).each(['gateway', 'store'] as const)(
      `of the %s, on ${kind}`,
      async (victim) => {
        const server = await start(durable)
        try {
          expectWhole(await killUnderLoad(server, victim, ROUNDS))
        } finally {
          await server.stop()
        }
      },
      180_000,
    )
  }
})
