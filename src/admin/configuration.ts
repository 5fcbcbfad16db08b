import * as z from 'zod/mini'
import type { Config } from '../config/config.ts'
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
  const { file: _, secret, admin, store, clients, accounts, scopes, upstreams, ...rest } = config
  return {
    ...rest,
    secret: `${secret.length} of them`,
    admin: { ...admin, token: HIDDEN },
    store: 'url' in store ? { kind: store.kind, url: withoutPassword(store.url) } : store,
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

const withoutPassword = (url: string): string => {
  const parsed = URL.parse(url)
  if (parsed === null) return HIDDEN
  parsed.password = ''
  return parsed.href
}

const HIDDEN = '(hidden)'
