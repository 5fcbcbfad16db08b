import { subOf } from './account-name.ts'
import { atGateway, type DataOptions } from './admin-command.ts'
import { apiPath } from './admin-connection.ts'
import { instantText } from './instant-text.ts'
import { Misuse } from './misuse.ts'
import { type Column, tableText } from './table.ts'
import type { Terminal } from './terminal.ts'

export type SessionListOptions = DataOptions & { readonly account: string }
export type SessionEndOptions = SessionListOptions & { readonly all?: boolean }

/** As the API shows it. Times in seconds. */
type ShownSession = {
  readonly id: string
  readonly auth_time: number
  readonly used: number
  readonly expires: number
  readonly remote?: string
  readonly agent?: string
}

export const listSessions = (options: SessionListOptions, terminal: Terminal): Promise<number> =>
  atGateway('session list', options, terminal, async (gateway, show) => {
    const { body } = await gateway.get(
      apiPath(['sessions'], { sub: await subOf(gateway, options.account) }),
    )
    const { items } = body as { readonly items: readonly ShownSession[] }
    show(body, (style) => tableText(items, COLUMNS, { style, none: 'no sessions' }))
  })

const COLUMNS: readonly Column<ShownSession>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'SIGNED_IN', value: ({ auth_time }) => instantText(auth_time) },
  { title: 'LAST_USED', value: ({ used }) => instantText(used) },
  { title: 'EXPIRES', value: ({ expires }) => instantText(expires) },
  { title: 'FROM', value: ({ remote }) => remote },
  { title: 'WITH', value: ({ agent }) => agent },
]

export const endSessions = (
  id: string | undefined,
  options: SessionEndOptions,
  terminal: Terminal,
): Promise<number> =>
  atGateway('session end', options, terminal, async (gateway, show) => {
    const { account, all = false } = options
    if ((id !== undefined) === all) throw new Misuse('name a session, or give --all')
    const sub = await subOf(gateway, account)
    const segments = id === undefined ? ['sessions'] : ['sessions', id]
    await gateway.delete(apiPath(segments, { sub }))
    show({ sub, ...(id !== undefined && { id }), ended: true }, () => '')
  })
