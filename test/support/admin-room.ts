import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAccess } from '../../src/admin/access.ts'
import { createAdmin } from '../../src/admin/admin.ts'
import { createApi } from '../../src/admin/api.ts'
import { operationsOf } from '../../src/admin/operations.ts'
import type { Config } from '../../src/config/config.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { openStores, type Stores } from '../../src/store/open.ts'
import { type Store, StoreUnavailable } from '../../src/store/store.ts'
import { type AdminClient, createAdminClient } from './admin.ts'
import { type MovableClock, movableClock, recordingLog, storeConfig } from './stores.ts'

/** The API on a listener of its own, over a store in memory whose calls are counted and that a test takes down. */
export type AdminRoom = {
  readonly admin: AdminClient
  readonly config: Config
  readonly stores: Stores
  readonly clock: MovableClock
  readonly logged: ReturnType<typeof recordingLog>['logged']
  /** Names of the calls of the store, in order. */
  readonly calls: string[]
  /** Every call rejects while it is down. */
  readonly store: { down: boolean }
  stop(): Promise<void>
}

export const openAdminRoom = async (
  settings: Parameters<typeof storeConfig>[0] = {},
): Promise<AdminRoom> => {
  const clock = movableClock()
  const config = { ...storeConfig(settings), audit: { keep: 86_400 } }
  const { log, logged } = recordingLog()
  const state = { down: false }
  const calls: string[] = []
  const store = counted(memoryStore({ clock, log }), calls, state)
  const stores = await openStores(config, { clock, log, store })
  const token = 'the admin token of this test'.replaceAll(' ', '-')
  const room = {
    ...{ stores, clock, log, started: clock(), config: () => config, problems: () => [] },
    targets: async () => [],
    refusals: async () => ({ items: [] }),
    explain: () => Promise.reject(new Error('nothing runs here that could be explained')),
  }
  const access = createAccess({
    token,
    host: '127.0.0.1',
    signedIn: async () => undefined,
    guessed: async () => undefined,
  })
  const api = createApi({ access, operations: operationsOf(room), log })
  const server = createServer(
    createAdmin({
      ...{ api, exposition: async () => ({ contentType: 'text/plain', text: '' }) },
      readiness: {
        ...{ starting: () => false, draining: () => false, problems: () => [] },
        ping: () => stores.store.ping(),
      },
      console: async () => {},
    }),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    admin: await createAdminClient(`http://127.0.0.1:${port}`, token),
    ...{ config, stores, clock, logged, calls, store: state },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await stores.close()
    },
  }
}

const COUNTED = ['get', 'getMany', 'list', 'batch', 'swap', 'delete', 'set'] as const

const counted = (inner: Store, calls: string[], state: { down: boolean }): Store => {
  const through = Object.fromEntries(
    COUNTED.map((name) => [
      name,
      async (...given: never[]) => {
        calls.push(name)
        if (state.down) throw new StoreUnavailable('down')
        const step = inner[name] as (...all: never[]) => Promise<unknown>
        return step(...given)
      },
    ]),
  )
  return { ...inner, ...through }
}
