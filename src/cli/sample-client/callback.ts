import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

import { Mistake } from '../../mistake.ts'
import { html } from '../../pages/html.ts'
import { page } from '../../pages/page.ts'
import { pageHeaders } from '../../pages/page-headers.ts'

/** A loopback redirect URI that is being listened on (RFC 8252 §7.3). */
export type Callback = {
  readonly redirect_uri: string
  /**
   * Resolves to the code of the first answer that `isAnswer`; rejects with what `codeOf` throws, and with a `Mistake` when
   * nobody answers in `timeout` seconds. Answers that are not ours are refused and do not count.
   */
  code(checks: AnswerChecks, timeout: number): Promise<string>
  close(): void
}

type AnswerChecks = {
  readonly isAnswer: (answer: URLSearchParams) => boolean
  readonly codeOf: (answer: URLSearchParams) => string
}

/** Listens on `redirect_uri`, or on a free port of 127.0.0.1. Throws a `Mistake` when the port is taken. */
export const listenForCallback = async (redirect_uri: string | undefined): Promise<Callback> => {
  const wanted = new URL(redirect_uri ?? 'http://127.0.0.1/callback')
  const server = createServer()
  const port = await listen(server, wanted)
  return {
    redirect_uri: redirect_uri ?? `http://127.0.0.1:${port}${wanted.pathname}`,
    code: (checks, timeout) => firstAnswer(server, wanted.pathname, checks, timeout),
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

const listen = (server: Server, { hostname, port }: URL): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new Mistake(`cannot listen on ${hostname}:${port} (${error.code})`, { cause: error })),
    )
    server.listen(Number(port), hostname.replace(/^\[|\]$/g, ''), () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })

const firstAnswer = (
  server: Server,
  path: string,
  checks: AnswerChecks,
  timeout: number,
): Promise<string> =>
  new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Mistake(`no answer came from the browser within ${timeout} s`)),
      timeout * 1000,
    )
    server.on('request', (req, res) => {
      const answer = answerIn(req, path)
      if (!answer) return show(res, 404, NOT_HERE)
      if (!checks.isAnswer(answer)) return show(res, 400, NOT_OURS)
      clearTimeout(late)
      // Told to the command only once the page is out, since it closes the server.
      try {
        const code = checks.codeOf(answer)
        res.once('close', () => resolve(code))
        show(res, 200, DONE)
      } catch (error) {
        res.once('close', () => reject(error))
        show(res, 200, NO_CODE)
      }
    })
  })

const answerIn = (req: IncomingMessage, path: string): URLSearchParams | undefined => {
  const url = URL.parse(req.url ?? '', 'http://127.0.0.1')
  return req.method === 'GET' && url?.pathname === path ? url.searchParams : undefined
}

const show = (res: ServerResponse, status: number, body: string): void => {
  res.writeHead(status, {
    ...pageHeaders({ form: 'self' }),
    'Content-Type': 'text/html; charset=utf-8',
    Connection: 'close',
  })
  res.end(body)
}

const message = (title: string, words: string): string =>
  page({ title, main: html`<h1>${title}</h1>\n<p>${words}</p>` })

const DONE = message(
  'Back to the terminal',
  'The code has arrived there. You can close this window.',
)
const NO_CODE = message('No access', 'The terminal says why. You can close this window.')
const NOT_OURS = message(
  'Not expected here',
  'This is not the answer to the request that the terminal made.',
)
const NOT_HERE = message(
  'Nothing here',
  'Only the answer of the authorization server is awaited here.',
)
