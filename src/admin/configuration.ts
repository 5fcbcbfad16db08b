import * as z from 'zod/mini'
import type { Config } from '../config/config.ts'
import type { StoreLocation } from '../config/store-location.ts'
import { json } from './answer.ts'
import { type Operation, operation } from './operation.ts'
import type { Room } from './room.ts'

const configuration = z.strictObject({
  file: z.string(),
  problems: z.array(z.string()),
  configuration: z.record(z.string(), z.unknown()),
})

/** The configuration in force, without its secrets, and what keeps the file from being it. */
export const configurationOperations = ({
  config,
  problems,
}: Pick<Room, 'config' | 'problems'>): readonly Operation[] => [
  operation({
    id: 'getConfiguration',
    tag: 'configuration',
    method: 'GET',
    path: '/api/v1/configuration',
    role: 'viewer',
    summary: 'The configuration in force, its secrets left out, and the problems of the file since',
    answers: { 200: { description: 'The configuration', schema: configuration } },
    run: () => json(200, shownConfiguration(config(), problems())),
  }),
]

export const shownConfiguration = (config: Config, problems: readonly string[]) => ({
  file: config.file,
  problems,
  configuration: withoutSecrets(config),
})

/** Values as they were understood: durations in seconds, sizes in bytes. */
const withoutSecrets = (config: Config): Readonly<Record<string, unknown>> => {
  const { file: _, lines: _lines, secret, admin, store, registrationTokens, ...others } = config
  const { clients, accounts, scopes, upstreams, ...rest } = others
  return {
    ...rest,
    secret: `${secret.length} of them`,
    registrationTokens: `${registrationTokens.length} of them`,
    admin: { ...admin, token: HIDDEN, ...(admin.tls && { tls: { ...admin.tls, key: HIDDEN } }) },
    store: shownStore(store),
    scopes: Object.fromEntries(scopes),
    upstreams: Object.fromEntries(
      Array.from(upstreams, ([name, { tls, ...upstream }]) => [
        name,
        {
          ...upstream,
          ...(tls && { tls: { ...tls, ...(tls.key !== undefined && { key: HIDDEN }) } }),
        },
      ]),
    ),
    clients: clients.map(({ client_secret, ...client }) => ({
      ...client,
      ...(client_secret !== undefined && { client_secret: HIDDEN }),
    })),
    accounts: accounts.map(({ password: _password, ...account }) => ({
      ...account,
      password: HIDDEN,
    })),
  }
}

const shownStore = (store: StoreLocation): StoreLocation => {
  if (store.kind === 'memory' || store.kind === 'sqlite') return store
  return {
    ...store,
    ...(store.password !== undefined && { password: HIDDEN }),
    ...(store.tls !== undefined && {
      tls: { ...store.tls, ...(store.tls.key !== undefined && { key: HIDDEN }) },
    }),
  }
}

const HIDDEN = '(hidden)'
