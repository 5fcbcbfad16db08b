import { Mistake } from '../mistake.ts'
import { openPrompt, type Prompt } from './prompt.ts'
import { callProtected, type ProtectedAnswer } from './sample-client/call.ts'
import { discover } from './sample-client/discovery.ts'
import { exchangeCode, type TokenAnswer } from './sample-client/exchange.ts'
import { type Narrate, narration } from './sample-client/narration.ts'
import { obtainCode } from './sample-client/obtain-code.ts'
import { readSettings, type TokenOptions, type TokenSettings } from './sample-client/settings.ts'
import type { Terminal } from './terminal.ts'

export type TokenIo = Pick<Terminal, 'stdin' | 'stdout' | 'stderr'> & {
  /** Rejects where there is no browser. */
  readonly openBrowser: (url: string) => Promise<void>
}

/**
 * The sample client: obtains a token by the authorization code flow (RFC 6749 §4.1 with RFC 7636, as RFC 8252 has it for
 * native applications) and shows each step, tokens included, since that is what it is for. Resolves to the exit code:
 * 0, 1 when a step failed or the protected call was refused, 2 for options that make no sense.
 */
export const token = async (options: TokenOptions, io: TokenIo): Promise<number> => {
  const settings = readSettings(options)
  if (settings instanceof Mistake) return failed(io, settings, options.json ?? false, 2)
  const say = narration(settings.json ? io.stderr : io.stdout)
  const prompt = openPrompt(io.stdin, io.stderr)
  try {
    const { answer, call } = await flow(settings, { ...io, prompt, say })
    if (settings.json) io.stdout.write(`${JSON.stringify({ ...answer, call })}\n`)
    return call === undefined || call.status < 400 ? 0 : 1
  } catch (error) {
    if (error instanceof Mistake) return failed(io, error, settings.json, 1)
    throw error
  } finally {
    prompt.close()
  }
}

const flow = async (
  settings: TokenSettings,
  io: { prompt: Prompt; say: Narrate; openBrowser: TokenIo['openBrowser'] },
): Promise<{ answer: TokenAnswer; call: ProtectedAnswer | undefined }> => {
  const { say, prompt } = io
  const client_secret = settings.confidential ? await prompt.secret('Client secret: ') : undefined
  if (client_secret === '') throw new Mistake('no client secret came from standard input')
  const server = await discover(settings.issuer, say)
  const authorization = await obtainCode(server, settings, io)
  const client = { client_id: settings.client_id, client_secret }
  const answer = await exchangeCode(server, client, authorization, say)
  const call =
    settings.call === undefined ? undefined : await callProtected(settings.call, answer, say)
  return { answer, call }
}

const failed = (io: TokenIo, mistake: Mistake, json: boolean, exitCode: number): number => {
  narration(io.stderr)(`portcullis token: ${mistake.message}`)
  if (json) io.stdout.write(`${JSON.stringify({ error: mistake.message })}\n`)
  return exitCode
}
