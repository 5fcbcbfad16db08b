import { subOf } from './account-name.ts'
import { accountsText, accountText, type ShownAccount } from './account-text.ts'
import { atGateway, type DataOptions } from './admin-command.ts'
import { type AdminConnection, apiPath } from './admin-connection.ts'
import { confirm } from './confirm.ts'
import { Misuse } from './misuse.ts'
import { listItems, moreText, type PageOptions } from './pages.ts'
import { readSecretLine } from './standard-input.ts'
import type { Terminal } from './terminal.ts'

export type AccountListOptions = DataOptions & PageOptions & { readonly search?: string }

type AccountSettingOptions = {
  readonly username?: string
  readonly name?: string
  readonly email?: string
  readonly scope?: string
  /** `--admin` is where the gateway is. */
  readonly adminRole?: string
}

export type AccountCreateOptions = DataOptions & AccountSettingOptions & { readonly sub?: string }

export type AccountUpdateOptions = DataOptions &
  AccountSettingOptions & { readonly unset?: readonly string[] }

export const listAccounts = (options: AccountListOptions, terminal: Terminal): Promise<number> =>
  atGateway('account list', options, terminal, async (gateway, show) => {
    const query = { search: options.search }
    const listed = await listItems<ShownAccount>(gateway, ['accounts'], query, options)
    show(listed, (style) => accountsText(listed.items, style) + moreText(listed))
  })

export const showAccount = (
  name: string,
  options: DataOptions,
  terminal: Terminal,
): Promise<number> =>
  atGateway('account show', options, terminal, async (gateway, show) => {
    const { body } = await gateway.get(await pathOf(gateway, name))
    show(body, (style) => accountText(body as ShownAccount, style))
  })

export const createAccount = (
  username: string,
  options: AccountCreateOptions,
  terminal: Terminal,
): Promise<number> =>
  atGateway('account create', options, terminal, async (gateway, show) => {
    const password = await readSecretLine('Password: ', terminal, { twice: true })
    const settings = settingsOf({ ...options, username })
    const sub = options.sub === undefined ? {} : { sub: options.sub }
    const { body } = await gateway.post(apiPath(['accounts']), { ...settings, ...sub, password })
    show(body, (style) => accountText(body as ShownAccount, style))
  })

export const updateAccount = (
  name: string,
  options: AccountUpdateOptions,
  terminal: Terminal,
): Promise<number> =>
  atGateway('account update', options, terminal, async (gateway, show) => {
    const unset = Object.fromEntries((options.unset ?? []).map((key) => [key, null]))
    const changes = { ...settingsOf(options), ...unset }
    if (Object.keys(changes).length === 0) throw new Misuse('say what to change; see --help')
    const path = await pathOf(gateway, name)
    const { etag } = await gateway.get(path)
    const { body } = await gateway.patch(path, changes, etag)
    show(body, (style) => accountText(body as ShownAccount, style))
  })

const settingsOf = (options: AccountSettingOptions): Readonly<Record<string, unknown>> => {
  const { username, name, email, scope, adminRole: admin } = options
  return Object.fromEntries(
    Object.entries({ username, name, email, scope, admin }).filter(
      ([, value]) => value !== undefined,
    ),
  )
}

export const setPassword = (
  name: string,
  options: DataOptions,
  terminal: Terminal,
): Promise<number> =>
  atGateway('account set-password', options, terminal, async (gateway, show) => {
    const password = await readSecretLine('Password: ', terminal, { twice: true })
    const sub = await subOf(gateway, name)
    await gateway.post(apiPath(['accounts', sub, 'password']), { password })
    show({ sub, changed: true }, () => '')
  })

export const disableAccount = (
  name: string,
  options: DataOptions & { readonly reason: string },
  terminal: Terminal,
): Promise<number> => changeState('disable', name, { reason: options.reason }, options, terminal)

export const enableAccount = (
  name: string,
  options: DataOptions,
  terminal: Terminal,
): Promise<number> => changeState('enable', name, undefined, options, terminal)

const changeState = (
  verb: 'disable' | 'enable',
  name: string,
  given: object | undefined,
  options: DataOptions,
  terminal: Terminal,
): Promise<number> =>
  atGateway(`account ${verb}`, options, terminal, async (gateway, show) => {
    const sub = await subOf(gateway, name)
    const { body } = await gateway.post(apiPath(['accounts', sub, verb]), given)
    show(body, (style) => accountText(body as ShownAccount, style))
  })

export const deleteAccount = (
  name: string,
  options: DataOptions & { readonly yes?: boolean },
  terminal: Terminal,
): Promise<number> =>
  atGateway('account delete', options, terminal, async (gateway, show) => {
    const path = await pathOf(gateway, name)
    const { body, etag } = await gateway.get(path)
    const { sub, username } = body as ShownAccount
    await confirm(
      `${username} (${sub}) is deleted, and what they gave ends.`,
      name,
      options,
      terminal,
    )
    await gateway.delete(path, etag)
    show({ sub, deleted: true }, () => '')
  })

const pathOf = async (gateway: AdminConnection, name: string): Promise<string> =>
  apiPath(['accounts', await subOf(gateway, name)])
