import { type AdminConnection, type ConnectionOptions, connectToAdmin } from './admin-connection.ts'
import { Misuse } from './misuse.ts'
import { type Style, styleOf } from './style.ts'
import type { Terminal } from './terminal.ts'

export type DataOptions = ConnectionOptions & { readonly json?: boolean }

/** Prints one document: as JSON with `--json`, as text for people otherwise. */
type Show = (document: unknown, text: (style: Style) => string) => void

/**
 * What a command does at a running gateway. Resolves to 0, 1 when it was refused or could not be asked, 2 for options that
 * make no sense; of what went wrong, one line on standard error, and with `--json` a document with `error`.
 */
export const atGateway = async (
  name: string,
  options: DataOptions,
  terminal: Terminal,
  work: (gateway: AdminConnection, show: Show) => Promise<void>,
): Promise<number> =>
  telling(name, options, terminal, async (show) =>
    work(await connectToAdmin(options, terminal.env), show),
  )

/** The same without a gateway. */
export const telling = async (
  name: string,
  { json = false }: { readonly json?: boolean },
  terminal: Pick<Terminal, 'env' | 'stdout' | 'stderr'>,
  work: (show: Show) => Promise<void>,
): Promise<number> => {
  const { stdout, stderr } = terminal
  const show: Show = (document, text) =>
    void stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : text(styleOf(terminal)))
  try {
    await work(show)
    return 0
  } catch (error) {
    if (!(error instanceof Error && MENDABLE.has(error.name))) throw error
    stderr.write(`portcullis ${name}: ${error.message}\n`)
    if (json) stdout.write(`${JSON.stringify({ error: error.message })}\n`)
    return error instanceof Misuse ? 2 : 1
  }
}

const MENDABLE = new Set(['Mistake', 'StoreRefused'])
