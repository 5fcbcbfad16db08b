import { instantText } from './instant-text.ts'
import type { Style } from './style.ts'
import { type Column, recordText, tableText } from './table.ts'

/** As the API shows it. Times in seconds. */
export type ShownAccount = {
  readonly sub: string
  readonly username: string
  readonly name?: string
  readonly email?: string
  readonly scope?: string
  readonly admin?: string
  readonly source: string
  readonly line?: number
  readonly created: number
  readonly disabled?: { readonly at: number; readonly reason: string }
}

export const accountsText = (accounts: readonly ShownAccount[], style: Style): string =>
  tableText(accounts, columns(style), { style, none: 'no accounts' })

const columns = (style: Style): readonly Column<ShownAccount>[] => [
  { title: 'SUB', value: ({ sub }) => sub },
  { title: 'USERNAME', value: ({ username }) => username },
  { title: 'NAME', value: ({ name }) => name },
  { title: 'EMAIL', value: ({ email }) => email },
  { title: 'ADMIN', value: ({ admin }) => admin },
  { title: 'SOURCE', value: ({ source }) => source },
  {
    title: 'STATE',
    value: ({ disabled }) => (disabled ? 'disabled' : 'enabled'),
    paint: (text, { disabled }) => (disabled ? style.red(text) : text),
  },
]

export const accountText = (account: ShownAccount, style: Style): string =>
  recordText(
    [
      ['sub', account.sub],
      ['username', account.username],
      ['name', account.name],
      ['email', account.email],
      ['scope', account.scope ?? '(every scope)'],
      ['admin', account.admin],
      [
        'source',
        account.line === undefined ? account.source : `${account.source}, line ${account.line}`,
      ],
      [
        'disabled',
        account.disabled &&
          `${instantText(account.disabled.at) ?? ''} ${account.disabled.reason}`.trim(),
      ],
      ['created', account.created > 0 ? instantText(account.created) : undefined],
    ],
    style,
  )
