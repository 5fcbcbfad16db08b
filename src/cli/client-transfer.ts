import { Mistake } from '../mistake.ts'
import { atGateway, type DataOptions } from './admin-command.ts'
import { apiPath } from './admin-connection.ts'
import { listItems } from './pages.ts'
import { readJsonObject } from './standard-input.ts'
import type { Style } from './style.ts'
import { type Column, tableText } from './table.ts'
import type { Terminal } from './terminal.ts'

/** `portcullis client export`: one JSON document either way, `{ "clients": […] }`, as import takes it. */
export const exportClients = (options: DataOptions, terminal: Terminal): Promise<number> =>
  atGateway('client export', options, terminal, async (gateway, show) => {
    const { items } = await listItems(gateway, ['clients', 'export'], {}, { all: true })
    const document = { clients: items }
    show(document, () => `${JSON.stringify(document, null, 2)}\n`)
  })

/** What became of one. */
type Outcome = {
  readonly client_id: string
  readonly outcome: 'created' | 'taken' | 'invalid'
  readonly problem?: string
}

/** `portcullis client import FILE`. Resolves to 1 as well when one of them could not be made. */
export const importClients = async (
  file: string,
  options: DataOptions,
  terminal: Terminal,
): Promise<number> => {
  let left = 0
  const code = await atGateway('client import', options, terminal, async (gateway, show) => {
    const { clients } = await readJsonObject(file, terminal)
    if (!Array.isArray(clients)) throw new Mistake(`${file}: has no list under clients`)
    const items: Outcome[] = []
    for (let at = 0; at < clients.length; at += AT_ONCE) {
      const part = { clients: clients.slice(at, at + AT_ONCE) }
      const { body } = await gateway.post(apiPath(['clients', 'import']), part)
      items.push(...(body as { readonly items: readonly Outcome[] }).items)
    }
    left = items.filter(({ outcome }) => outcome !== 'created').length
    show({ items }, (style) => tableText(items, columns(style), { style, none: 'no clients' }))
  })
  return code === 0 && left > 0 ? 1 : code
}

/** The API takes 500, and 4 MiB. */
const AT_ONCE = 100

const columns = (style: Style): readonly Column<Outcome>[] => [
  { title: 'CLIENT_ID', value: ({ client_id }) => client_id },
  {
    title: 'OUTCOME',
    value: ({ outcome }) => outcome,
    paint: (text, { outcome }) => (outcome === 'created' ? text : style.red(text)),
  },
  { title: 'PROBLEM', value: ({ problem }) => problem },
]
