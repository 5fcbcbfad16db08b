import { subOf } from './account-name.ts'
import { atGateway, type DataOptions } from './admin-command.ts'
import { apiPath } from './admin-connection.ts'
import { instantText } from './instant-text.ts'
import { listItems, moreText, type PageOptions } from './pages.ts'
import { type Column, recordText, tableText } from './table.ts'
import type { Terminal } from './terminal.ts'

export type GrantListOptions = DataOptions &
  PageOptions & {
    readonly client?: string
    readonly account?: string
    readonly scope?: string
    readonly unused?: number
  }

/** As the API shows it. Times in seconds. */
type ShownGrant = {
  readonly id: string
  readonly client_id: string
  readonly sub: string
  readonly scope: readonly string[]
  readonly resource: readonly string[]
  readonly created: number
  readonly expires: number
  readonly last_used?: number
  readonly last_route?: string
}

export const listGrants = (options: GrantListOptions, terminal: Terminal): Promise<number> =>
  atGateway('grant list', options, terminal, async (gateway, show) => {
    const { client: client_id, account, scope, unused } = options
    const sub = account === undefined ? undefined : await subOf(gateway, account)
    const query = { client_id, sub, scope, unused }
    const listed = await listItems<ShownGrant>(gateway, ['grants'], query, options)
    show(
      listed,
      (style) => tableText(listed.items, COLUMNS, { style, none: 'no grants' }) + moreText(listed),
    )
  })

const COLUMNS: readonly Column<ShownGrant>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'CLIENT', value: ({ client_id }) => client_id },
  { title: 'ACCOUNT', value: ({ sub }) => sub },
  { title: 'SCOPE', value: ({ scope }) => scope.join(' ') },
  { title: 'CREATED', value: ({ created }) => instantText(created) },
  { title: 'EXPIRES', value: ({ expires }) => instantText(expires) },
  { title: 'LAST_USED', value: ({ last_used }) => instantText(last_used) },
]

export const showGrant = (id: string, options: DataOptions, terminal: Terminal): Promise<number> =>
  atGateway('grant show', options, terminal, async (gateway, show) => {
    const { body } = await gateway.get(apiPath(['grants', id]))
    const grant = body as ShownGrant
    show(grant, (style) =>
      recordText(
        [
          ['id', grant.id],
          ['client_id', grant.client_id],
          ['sub', grant.sub],
          ['scope', grant.scope.join(' ') || '(none)'],
          ['resource', grant.resource.join(' ')],
          ['created', instantText(grant.created)],
          ['expires', instantText(grant.expires)],
          ['last_used', instantText(grant.last_used)],
          ['last_route', grant.last_route],
        ],
        style,
      ),
    )
  })

export const endGrant = (id: string, options: DataOptions, terminal: Terminal): Promise<number> =>
  atGateway('grant end', options, terminal, async (gateway, show) => {
    await gateway.delete(apiPath(['grants', id]))
    show({ id, ended: true }, () => '')
  })
