import { createClient, type RedisClientOptions } from '@redis/client'
import type { RedisLocation } from '../config/store-location.ts'
import { within } from './calls.ts'
import { tlsOptions } from './connection-tls.ts'
import type { Script } from './redis-scripts.ts'

/** Two connections to one server: for commands, and for what is pushed. They stand and fall together. */
export type RedisLink = {
  command<Reply>(...parts: string[]): Promise<Reply>
  run<Reply>(script: Script, keys: readonly string[], parts: readonly string[]): Promise<Reply>
  subscribe(channels: string[], listener: (message: string) => void): Promise<void>
  close(): void
}

/**
 * Connects once: the library's own reconnecting would send what was queued long ago, and resubscribe without a word.
 * `lost` hears when either connection ends; `patience` in milliseconds.
 */
export const openRedisLink = async (
  location: RedisLocation,
  { patience, lost }: { patience: number; lost(cause: unknown): void },
): Promise<RedisLink> => {
  const clients = [createClient(optionsOf(location, patience))]
  const [commands] = clients
  if (commands === undefined) throw new TypeError('there is a client')
  const pushes = commands.duplicate()
  clients.push(pushes)
  const close = (): void => {
    for (const client of clients) client.destroy()
  }
  for (const client of clients) {
    // Without a listener an error would end the process.
    client.on('error', lost)
    client.on('end', () => lost(new Error('the connection was closed')))
  }
  try {
    await within(patience, Promise.all(clients.map((client) => client.connect())))
  } catch (cause) {
    close()
    throw cause
  }

  const command = <Reply>(...parts: string[]): Promise<Reply> => commands.sendCommand<Reply>(parts)

  return {
    command,
    async run<Reply>(script: Script, keys: readonly string[], parts: readonly string[]) {
      const rest = [String(keys.length), ...keys, ...parts]
      try {
        return await command<Reply>('EVALSHA', script.sha, ...rest)
      } catch (error) {
        // It did not run: the server forgot it.
        if (error instanceof Error && error.message.startsWith('NOSCRIPT')) {
          return command<Reply>('EVAL', script.text, ...rest)
        }
        throw error
      }
    },
    subscribe: (channels, listener) => pushes.subscribe(channels, listener),
    close,
  }
}

const optionsOf = (location: RedisLocation, patience: number) => ({
  socket: {
    ...{ host: location.host, port: location.port },
    ...{ connectTimeout: patience, reconnectStrategy: false },
    ...(location.tls !== undefined && { tls: true, ...tlsOptions(location.tls) }),
  } as NonNullable<RedisClientOptions['socket']>,
  ...(location.username !== undefined && { username: location.username }),
  ...(location.password !== undefined && { password: location.password }),
  database: location.database,
  disableOfflineQueue: true,
  // No more commands at the start than an ACL has to name.
  disableClientInfo: true,
  maintNotifications: 'disabled' as const,
  RESP: 2 as const,
})
