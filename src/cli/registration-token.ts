import { atGateway, type DataOptions } from './admin-command.ts'
import { apiPath } from './admin-connection.ts'
import { instantText } from './instant-text.ts'
import { listItems, moreText, type PageOptions } from './pages.ts'
import { type Column, tableText } from './table.ts'
import type { Terminal } from './terminal.ts'

export type RegistrationTokenOptions = DataOptions & {
  readonly note: string
  /** Seconds. */
  readonly expires?: number
  readonly uses?: number
}

/** As the API shows it. Times in seconds. */
type ShownToken = {
  readonly id: string
  readonly note: string
  readonly created: number
  readonly expires: number
  readonly left?: number
}

export const createRegistrationToken = (
  options: RegistrationTokenOptions,
  terminal: Terminal,
): Promise<number> =>
  atGateway('registration-token create', options, terminal, async (gateway, show) => {
    const { note, expires, uses } = options
    const { body } = await gateway.post(apiPath(['registration-tokens']), {
      note,
      ...(expires !== undefined && { lifetime: Math.round(expires) }),
      ...(uses !== undefined && { uses }),
    })
    const made = body as ShownToken & { readonly initial_access_token: string }
    show(made, () => `${made.initial_access_token}\n`)
    terminal.stderr.write(
      `Good until ${instantText(made.expires)}, as ${made.id}; the token is not shown again.\n`,
    )
  })

export const listRegistrationTokens = (
  options: DataOptions & PageOptions,
  terminal: Terminal,
): Promise<number> =>
  atGateway('registration-token list', options, terminal, async (gateway, show) => {
    const listed = await listItems<ShownToken>(gateway, ['registration-tokens'], {}, options)
    show(
      listed,
      (style) => tableText(listed.items, COLUMNS, { style, none: 'no tokens' }) + moreText(listed),
    )
  })

const COLUMNS: readonly Column<ShownToken>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'NOTE', value: ({ note }) => note },
  { title: 'CREATED', value: ({ created }) => instantText(created) },
  { title: 'EXPIRES', value: ({ expires }) => instantText(expires) },
  { title: 'LEFT', value: ({ left }) => left ?? 'any', right: true },
]

export const withdrawRegistrationToken = (
  id: string,
  options: DataOptions,
  terminal: Terminal,
): Promise<number> =>
  atGateway('registration-token withdraw', options, terminal, async (gateway, show) => {
    await gateway.delete(apiPath(['registration-tokens', id]))
    show({ id, withdrawn: true }, () => '')
  })
