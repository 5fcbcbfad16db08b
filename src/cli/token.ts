import { Mistake } from '../mistake.ts'
import { openPrompt, type Prompt } from './prompt.ts'
import { callProtected, type ProtectedAnswer } from './sample-client/call.ts'
import { obtainByDevice } from './sample-client/device.ts'
import { type AuthorizationServer, discover } from './sample-client/discovery.ts'
import { exchangeCode } from './sample-client/exchange.ts'
import { type Narrate, narration } from './sample-client/narration.ts'
import { obtainCode } from './sample-client/obtain-code.ts'
import { readSettings, type TokenOptions, type TokenSettings } from './sample-client/settings.ts'
import type { ClientCredentials, TokenAnswer } from './sample-client/token-request.ts'
import type { Terminal } from './terminal.ts'

export type TokenIo = Pick<Terminal, 'stdin' | 'stdout' | 'stderr'> & {
  /** Rejects where there is no browser. */
  readonly openBrowser: (url: string) => Promise<void>
  /** Resolves so many seconds later; by the clock unless given. */
  readonly wait?: (seconds: number) => Promise<void>
}

/**
 * The sample client: obtains a token by the authorization code flow (RFC 6749 §4.1 with RFC 7636, as RFC 8252 has it for
 * native applications), or as a device (RFC 8628), and shows each step, tokens included, since that is what it is for. Resolves to the exit code:
 * 0, 1 when a step failed or the protected call was refused, 2 for options that make no sense.
 */
export const token = async (options: TokenOptions, io: TokenIo): Promise<number> => {
  const settings = readSettings(options)
  if (settings instanceof Mistake) return failed(io, settings, options.json ?? false, 2)
  const shown = settings.json ? io.stderr : io.stdout
  const say = narration(shown)
  const prompt = openPrompt(io.stdin, io.stderr)
  try {
    const { answer, call } = await flow(settings, { ...io, prompt, say, shown })
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
  io: Surroundings,
): Promise<{ answer: TokenAnswer; call: ProtectedAnswer | undefined }> => {
  const { say, prompt } = io
  const client_secret = settings.confidential ? await prompt.secret('Client secret: ') : undefined
  if (client_secret === '') throw new Mistake('no client secret came from standard input')
  const server = await discover(settings.issuer, say)
  const client = { client_id: settings.client_id, client_secret }
  const answer = await (settings.device ? byDevice : byCode)(server, client, settings, io)
  const call =
    settings.call === undefined ? undefined : await callProtected(settings.call, answer, say)
  return { answer, call }
}

type Surroundings = Pick<TokenIo, 'openBrowser' | 'wait'> & {
  readonly prompt: Prompt
  readonly say: Narrate
  /** Where the steps are told. */
  readonly shown: Terminal['stdout']
}

const byCode = async (
  server: AuthorizationServer,
  client: ClientCredentials,
  settings: TokenSettings,
  io: Surroundings,
): Promise<TokenAnswer> =>
  exchangeCode(server, client, await obtainCode(server, settings, io), io.say)

const byDevice = async (
  server: AuthorizationServer,
  client: ClientCredentials,
  settings: TokenSettings,
  { say, shown, wait = pause }: Surroundings,
): Promise<TokenAnswer> => {
  const { qrCode } = await import('./qr-code.ts')
  const showQrCode = (url: string) =>
    void shown.write(qrCode(url, { colour: shown.isTTY ?? false }))
  return obtainByDevice(server, client, settings, { say, showQrCode, wait })
}

const pause = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1000))

const failed = (io: TokenIo, mistake: Mistake, json: boolean, exitCode: number): number => {
  narration(io.stderr)(`portcullis token: ${mistake.message}`)
  if (json) io.stdout.write(`${JSON.stringify({ error: mistake.message })}\n`)
  return exitCode
}
