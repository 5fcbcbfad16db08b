import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createJudge, type OpenApi } from './admin-document.ts'

export type AdminAnswer = {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Parsed; {} without one. */
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects
  readonly body: any
}

type Ask = {
  readonly body?: unknown
  /** In place of JSON. */
  readonly raw?: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
}

/** Somebody who calls the API. */
export type Caller = (method: string, path: string, ask?: Ask) => Promise<AdminAnswer>

export type AdminClient = {
  readonly document: OpenApi
  readonly token: Caller
  /** Without credentials. */
  readonly nobody: Caller
  /** Signed in to the console. */
  as(username: string, password: string): Promise<Caller>
  /** Everything that was answered so far, in order. */
  readonly answered: readonly string[]
}

/** Calls the API of an admin listener over HTTP, and judges each answer by its OpenAPI document. */
export const createAdminClient = async (origin: string, token: string): Promise<AdminClient> => {
  const answered: string[] = []
  const bearer = { Authorization: `Bearer ${token}` }
  const plain = await fetch(`${origin}/api/v1/openapi.json`, { headers: bearer })
  const document = (await plain.json()) as OpenApi
  const { judge } = createJudge(document)
  const caller =
    (credentials: Readonly<Record<string, string>>): Caller =>
    async (method, path, { body, raw, headers } = {}) => {
      const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body))
      const response = await fetch(`${origin}${path}`, {
        method,
        headers: {
          ...credentials,
          ...(sent !== undefined && { 'Content-Type': 'application/json' }),
          ...headers,
        },
        ...(sent !== undefined && { body: sent }),
        redirect: 'manual',
      })
      const text = await response.text()
      const answer = { status: response.status, headers: response.headers, text }
      answered.push(`${[...response.headers].join('\n')}\n${text}`)
      judge(method, path, answer)
      return { ...answer, body: text === '' ? {} : JSON.parse(text) }
    }
  return {
    document,
    answered,
    token: caller(bearer),
    nobody: caller({}),
    as: async (username, password) => caller(await signIn(origin, username, password)),
  }
}

const signIn = async (origin: string, username: string, password: string) => {
  const own = { Origin: origin, 'Sec-Fetch-Site': 'same-origin' }
  const page = await fetch(`${origin}/sign-in`)
  const form = { csrf: csrfIn(await page.text()), next: '/', username, password }
  const signedIn = await fetch(`${origin}/sign-in`, {
    method: 'POST',
    headers: { ...own, Cookie: cookiesOf(page) },
    body: new URLSearchParams(form),
    redirect: 'manual',
  })
  if (signedIn.status !== 303) throw new Error(`${username} is not let in: ${signedIn.status}`)
  const session = { Cookie: cookiesOf(signedIn), 'Sec-Fetch-Site': 'same-origin' }
  const home = await (await fetch(`${origin}/`, { headers: session })).text()
  return { ...session, 'X-CSRF-Token': csrfIn(home) }
}

const csrfIn = (page: string): string => {
  const found = /name="csrf"[^>]*\bvalue="([^"]+)"/.exec(page)?.[1]
  if (found === undefined) throw new Error(`no csrf field in ${page}`)
  return found
}

const cookiesOf = (response: Response): string =>
  response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';', 1)[0])
    .filter((pair) => !pair?.endsWith('='))
    .join('; ')

/** That a gateway with a SQLite store made for itself. */
export const madeToken = async (folder: string): Promise<string> =>
  (await readFile(join(folder, 'data/portcullis.db.admin-token'), 'utf8')).trim()
