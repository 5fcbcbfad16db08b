import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Config } from '../../src/config/config.ts'
import type { StoreLocation } from '../../src/config/store-location.ts'
import { locate, parseStore } from '../../src/config/store-location.ts'
import type { Log, LogFields } from '../../src/telemetry/log.ts'
import { BASE_CONFIG } from './base-config.ts'

/** Seconds since the epoch, which a test moves. */
export type MovableClock = { (): number; move(seconds: number): void }

export const movableClock = (start = Date.now() / 1000): MovableClock => {
  let now = start
  return Object.assign(() => now, {
    move(seconds: number) {
      now += seconds
    },
  })
}

/** A folder of its own, and the way to remove it. */
export const temporaryFolder = (): { path: string; remove(): void } => {
  const path = mkdtempSync(join(tmpdir(), 'portcullis-store-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** The store in a file, or at a URL. */
export const locationOf = (place: string): StoreLocation =>
  place.includes('://') ? locate(parseStore(place), '/') : { kind: 'sqlite', file: place }

export const recordingLog = () => {
  const logged: { event: string; fields: LogFields }[] = []
  const record = (event: string, fields: LogFields = {}) => void logged.push({ event, fields })
  const log: Log = { debug: record, info: record, warn: record, error: record, audit: record }
  return { log, logged }
}

type StoreSettings = Partial<Pick<Config, 'store' | 'secret' | 'clients' | 'accounts' | 'scopes'>>

/** A configuration for the store room alone: the client `web` and the accounts `ada` and `bob`. */
export const storeConfig = (
  settings: StoreSettings = {},
  tokens: Partial<Config['tokens']> = {},
): Config => ({
  ...BASE_CONFIG,
  clients: [client('web', 'web-secret-of-the-test'), client('native')],
  accounts: [account('ada'), account('bob')],
  ...settings,
  tokens: { ...BASE_CONFIG.tokens, ...tokens },
})

export const client = (client_id: string, client_secret?: string) => ({
  client_id,
  ...(client_secret !== undefined && { client_secret }),
  redirect_uris: ['https://app.example/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  require_pkce: true,
  introspect: false,
  tokens: {},
})

export const account = (username: string) => ({
  username,
  sub: username,
  password: `${username}-password-of-the-test`,
})

/** A process of its own on a store file, which does what it is told (see store-process.ts). */
export type StoreProcess = {
  readonly child: ChildProcess
  /** Resolves to what the task answered. */
  run<Answer>(task: string, parameters?: object): Promise<Answer>
  /** Everything it said besides answers. */
  readonly said: unknown[]
  kill(signal?: NodeJS.Signals): Promise<void>
}

export const startStoreProcess = async (file: string): Promise<StoreProcess> => {
  const path = fileURLToPath(new URL('./store-process.ts', import.meta.url))
  const child = fork(path, [file], { execArgv: [] })
  const said: unknown[] = []
  const waiting = new Map<number, (reply: Reply) => void>()
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let lastId = 0
  const ready = new Promise<void>((resolve) => waiting.set(0, () => resolve()))
  child.on('message', (message: Reply | { said: unknown }) => {
    if ('said' in message) said.push(message.said)
    else waiting.get(message.id)?.(message)
  })
  await ready
  return {
    child,
    said,
    run: <Answer>(task: string, parameters: object = {}) =>
      new Promise<Answer>((resolve, reject) => {
        const id = ++lastId
        waiting.set(id, ({ answer, error }) =>
          error === undefined ? resolve(answer as Answer) : reject(new Error(error)),
        )
        child.send({ id, task, parameters })
      }),
    async kill(signal = 'SIGKILL') {
      child.kill(signal)
      await ended
    },
  }
}

type Reply = { id: number; answer?: unknown; error?: string }
