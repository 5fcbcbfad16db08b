import { atGateway, type DataOptions } from './admin-command.ts'
import { type AdminConnection, apiPath } from './admin-connection.ts'
import {
  type ClientSettingOptions,
  changedSettings,
  type Settings,
  settingsOf,
} from './client-settings.ts'
import { clientsText, clientText, type ShownClient } from './client-text.ts'
import { confirm } from './confirm.ts'
import { dashAlone, Misuse } from './misuse.ts'
import { listItems, moreText, type PageOptions } from './pages.ts'
import { readJsonObject, readSecretLine } from './standard-input.ts'
import type { Terminal } from './terminal.ts'

export type ClientListOptions = DataOptions &
  PageOptions & { readonly search?: string; readonly source?: string }

export type CreateOptions = DataOptions &
  ClientSettingOptions & {
    readonly clientId?: string
    readonly clientSecret?: string
    readonly jsonFile?: string
  }

export type UpdateOptions = DataOptions &
  ClientSettingOptions & { readonly unset?: readonly string[]; readonly jsonFile?: string }

export const listClients = (options: ClientListOptions, terminal: Terminal): Promise<number> =>
  atGateway('client list', options, terminal, async (gateway, show) => {
    const { search, source } = options
    const listed = await listItems<ShownClient>(gateway, ['clients'], { search, source }, options)
    show(listed, (style) => clientsText(listed.items, style) + moreText(listed))
  })

export const showClient = (id: string, options: DataOptions, terminal: Terminal): Promise<number> =>
  atGateway('client show', options, terminal, async (gateway, show) => {
    const { client } = await readClient(gateway, id)
    show(client, (style) => clientText(client, style))
  })

export const createClient = (options: CreateOptions, terminal: Terminal): Promise<number> =>
  atGateway('client create', options, terminal, async (gateway, show) => {
    const { clientId, clientSecret, jsonFile } = options
    dashAlone('--client-secret', clientSecret)
    if (clientSecret !== undefined && jsonFile === '-')
      throw new Misuse('--client-secret - and --json-file - both read standard input: take one')
    const given = jsonFile === undefined ? {} : await readJsonObject(jsonFile, terminal)
    const client_secret =
      clientSecret === undefined ? undefined : await readSecretLine('Client secret: ', terminal)
    const { body } = await gateway.post(apiPath(['clients']), {
      ...given,
      ...settingsOf(options),
      ...(clientId !== undefined && { client_id: clientId }),
      ...(client_secret !== undefined && { client_secret }),
    })
    const client = body as ShownClient & { readonly client_secret?: string }
    show(client, (style) => clientText(client, style, client.client_secret))
    if (client.client_secret !== undefined)
      terminal.stderr.write('The secret is not shown again.\n')
  })

export const updateClient = (
  id: string,
  options: UpdateOptions,
  terminal: Terminal,
): Promise<number> =>
  atGateway('client update', options, terminal, async (gateway, show) => {
    const changes = await changesOf(options, terminal)
    if (Object.keys(changes).length === 0) throw new Misuse('say what to change; see --help')
    const { client, etag } = await readClient(gateway, id)
    const path = apiPath(['clients', id])
    const { body } = await gateway.put(path, changedSettings(client, changes), etag)
    const changed = body as ShownClient
    show(changed, (style) => clientText(changed, style))
  })

const changesOf = async (options: UpdateOptions, terminal: Terminal): Promise<Settings> => {
  const { jsonFile, unset = [] } = options
  const given = jsonFile === undefined ? {} : await readJsonObject(jsonFile, terminal)
  const taken = Object.fromEntries(unset.map((key) => [key.replaceAll('-', '_'), null]))
  return { ...given, ...settingsOf(options), ...taken }
}

export const rotateSecret = (
  id: string,
  options: DataOptions & { readonly overlap?: number },
  terminal: Terminal,
): Promise<number> =>
  atGateway('client rotate-secret', options, terminal, async (gateway, show) => {
    const overlap = options.overlap === undefined ? {} : { overlap: Math.round(options.overlap) }
    const { body } = await gateway.post(apiPath(['clients', id, 'secret']), overlap)
    const rotated = body as { readonly client_secret: string }
    show(rotated, () => `${rotated.client_secret}\n`)
    terminal.stderr.write('The secret is not shown again.\n')
  })

export const disableClient = (
  id: string,
  options: DataOptions & { readonly reason: string },
  terminal: Terminal,
): Promise<number> => changeState('disable', id, { reason: options.reason }, options, terminal)

export const enableClient = (
  id: string,
  options: DataOptions,
  terminal: Terminal,
): Promise<number> => changeState('enable', id, undefined, options, terminal)

const changeState = (
  verb: 'disable' | 'enable',
  id: string,
  body: object | undefined,
  options: DataOptions,
  terminal: Terminal,
): Promise<number> =>
  atGateway(`client ${verb}`, options, terminal, async (gateway, show) => {
    const reply = await gateway.post(apiPath(['clients', id, verb]), body)
    const client = reply.body as ShownClient
    show(client, (style) => clientText(client, style))
  })

export const deleteClient = (
  id: string,
  options: DataOptions & { readonly yes?: boolean },
  terminal: Terminal,
): Promise<number> =>
  atGateway('client delete', options, terminal, async (gateway, show) => {
    const { client, etag } = await readClient(gateway, id)
    const name = client.client_name ?? id
    await confirm(`${name} is deleted, and what it was given ends.`, id, options, terminal)
    await gateway.delete(apiPath(['clients', id]), etag)
    show({ client_id: id, deleted: true }, () => '')
  })

const readClient = async (
  gateway: AdminConnection,
  id: string,
): Promise<{ readonly client: ShownClient; readonly etag: string }> => {
  const { body, etag } = await gateway.get(apiPath(['clients', id]))
  return { client: body as ShownClient, etag }
}
