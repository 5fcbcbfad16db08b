import { createSecrets, randomSecret } from '../store/secrets.ts'
import { atGateway, type DataOptions, telling } from './admin-command.ts'
import { apiPath } from './admin-connection.ts'
import { type Column, tableText } from './table.ts'
import type { Terminal } from './terminal.ts'

type ShownKey = { readonly kid: string; readonly mints: boolean }

/** `portcullis key list`: what the running gateway mints and verifies by. */
export const listKeys = (options: DataOptions, terminal: Terminal): Promise<number> =>
  atGateway('key list', options, terminal, async (gateway, show) => {
    const { body } = await gateway.get(apiPath(['keys']))
    const { items } = body as { readonly items: readonly ShownKey[] }
    show(body, (style) => tableText(items, COLUMNS, { style, none: 'no keys' }))
  })

const COLUMNS: readonly Column<ShownKey>[] = [
  { title: 'KID', value: ({ kid }) => kid },
  { title: 'USE', value: ({ mints }) => (mints ? 'mints, verifies' : 'verifies') },
]

/** `portcullis key new`: a secret alone on standard output, and on standard error what to do with it. */
export const newKey = (
  options: { readonly json?: boolean },
  terminal: Pick<Terminal, 'env' | 'stdout' | 'stderr'>,
): Promise<number> =>
  telling('key new', options, terminal, async (show) => {
    const secret = randomSecret()
    const [kid = ''] = createSecrets([secret]).keyIds()
    show({ secret, kid }, () => `${secret}\n`)
    if (!options.json) terminal.stderr.write(steps(kid))
  })

const steps = (kid: string): string => `
This secret's key has the id ${kid}. To rotate to it, and refuse nobody:
  1. Put it at the END of the list secret: of every gateway on the store, and let that be applied. It verifies.
     Where secret: is empty, the one in use is in the file ….secret beside the SQLite file: list that one first.
  2. Check with: portcullis key. Every gateway must show ${kid}.
  3. Move it to the FRONT of the list. It mints from now on.
  4. Take the former one out when what it minted has expired: after tokens.refreshToken (30d by default).
     It has leaked? Take it out at once: everything that it minted is refused from then on.
`
