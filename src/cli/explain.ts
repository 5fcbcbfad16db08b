import type { FullExplanation } from '../explain-request.ts'
import { Mistake } from '../mistake.ts'
import { type ConnectionOptions, connectToAdmin } from './admin-connection.ts'
import { explanationText } from './explanation-text.ts'
import { Misuse } from './misuse.ts'
import { openPrompt } from './prompt.ts'
import { refusalText, rememberedRefusal } from './refusal.ts'
import type { Terminal } from './terminal.ts'

export type ExplainOptions = ConnectionOptions & {
  readonly token?: string
  readonly header?: readonly string[]
  readonly json?: boolean
  /** The id of a request that was refused. */
  readonly request?: string
}

type Io = Pick<Terminal, 'env' | 'stdin' | 'stdout' | 'stderr'>

/**
 * `portcullis explain METHOD URL`: asks the running gateway what it does with a request, and why. The token comes from
 * standard input or a prompt. With `--request ID` in place of them, why that one was refused. Resolves to 0, 1 when the gateway could not be asked, 2 for options that make no sense.
 */
export const explain = async (
  method: string | undefined,
  url: string | undefined,
  options: ExplainOptions,
  io: Io,
): Promise<number> => {
  if (options.request !== undefined) return lookUp(options.request, method, options, io)
  if (method === undefined || url === undefined) return failed(io, NOTHING_ASKED, options, 2)
  const headers = readHeaders(options)
  if (headers instanceof Mistake) return failed(io, headers, options, 2)
  try {
    const connection = await connectToAdmin(options, io.env)
    const token = options.token === undefined ? undefined : await readToken(io)
    const question = { method, url, headers, ...(token !== undefined && { token }) }
    const { body } = await connection.post('/api/v1/explain', question)
    const answer = body as FullExplanation
    io.stdout.write(options.json ? `${JSON.stringify(answer, null, 2)}\n` : explanationText(answer))
    return 0
  } catch (error) {
    if (error instanceof Error && MENDABLE.has(error.name)) return failed(io, error, options, 1)
    throw error
  }
}

const lookUp = async (
  id: string,
  method: string | undefined,
  options: ExplainOptions,
  io: Io,
): Promise<number> => {
  const { token, header } = options
  if (method !== undefined || token !== undefined || header !== undefined)
    return failed(io, ALONE, options, 2)
  try {
    const refused = await rememberedRefusal(await connectToAdmin(options, io.env), id)
    io.stdout.write(options.json ? `${JSON.stringify(refused, null, 2)}\n` : refusalText(refused))
    return 0
  } catch (error) {
    if (error instanceof Misuse) return failed(io, error, options, 2)
    if (error instanceof Error && MENDABLE.has(error.name)) return failed(io, error, options, 1)
    throw error
  }
}

const NOTHING_ASKED = new Misuse('give a method and a URL, or --request with the id of a request')
const ALONE = new Misuse('--request takes the id of a request that was sent: no method, no token')

const MENDABLE = new Set(['Mistake', 'StoreRefused'])

/** What is a secret must not stand on the command line, where other users of the machine see it; nor is it repeated. */
const readHeaders = ({ token, header = [] }: ExplainOptions): [string, string][] | Mistake => {
  if (token !== undefined && token !== '-')
    return new Mistake('--token takes - alone: the token is read from standard input or a prompt')
  const pairs: [string, string][] = []
  for (const line of header) {
    const [, name, value = ''] = /^([^:\s]+):\s*(.*)$/.exec(line) ?? []
    if (name === undefined) return new Mistake("-H takes a field as 'Name: value'")
    if (name.toLowerCase() === 'authorization')
      return new Mistake('Authorization is not taken from the command line: give --token -')
    pairs.push([name, value])
  }
  return pairs
}

const readToken = async ({ stdin, stderr }: Io): Promise<string> => {
  const prompt = openPrompt(stdin, stderr)
  try {
    const line = (await prompt.secret('Access token: ')).trim().replace(/^bearer +/i, '')
    if (line === '') throw new Mistake('no token came from standard input')
    return line
  } finally {
    prompt.close()
  }
}

const failed = (io: Io, mistake: Error, { json }: ExplainOptions, code: number): number => {
  io.stderr.write(`portcullis explain: ${mistake.message}\n`)
  if (json) io.stdout.write(`${JSON.stringify({ error: mistake.message })}\n`)
  return code
}
