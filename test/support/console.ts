import { type Answer, type Browser, type Fields, openBrowser } from './person.ts'

/** Somebody at the console, as a browser would be there. */
export type Operator = {
  readonly browser: Browser
  open(path: string): Promise<Answer>
  /** Posts with the token of the session, as a form of a page does. */
  post(path: string, fields?: Fields, headers?: Readonly<Record<string, string>>): Promise<Answer>
  csrf(): Promise<string>
}

export const signInAt = async (
  admin: string,
  username: string,
  password: string,
  browser: Browser = openBrowser(),
): Promise<Answer> => {
  const page = await browser.open(`${admin}/sign-in`)
  const fields = { csrf: csrfIn(page.body), next: '/', username, password }
  return browser.post(`${admin}/sign-in`, fields, { Origin: admin })
}

export const openConsole = async (
  admin: string,
  username: string,
  password = username,
): Promise<Operator> => {
  const browser = openBrowser()
  const answer = await signInAt(admin, username, password, browser)
  if (answer.status !== 303) throw new Error(`${username} cannot sign in: ${answer.status}`)
  const open = (path: string) => browser.open(`${admin}${path}`)
  const csrf = async () => csrfIn((await open('/routes')).body)
  return {
    browser,
    open,
    csrf,
    post: async (path, fields = {}, headers = { Origin: admin }) =>
      browser.post(`${admin}${path}`, { csrf: await csrf(), ...fields }, headers),
  }
}

export const csrfIn = (page: string): string => /name="csrf" value="([^"]*)"/.exec(page)?.[1] ?? ''

export type PageForm = { readonly action: string; readonly fields: ReadonlyMap<string, string> }

/** The forms of a page that change something, with what stands in their fields. */
export const postFormsOf = (page: string): readonly PageForm[] =>
  [...page.matchAll(/<form\b[^>]*method="post"[^>]*action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/g)].map(
    ([, action = '', inner = '']) => ({
      action: plain(action),
      fields: new Map(
        [...inner.matchAll(/<(?:input|textarea|select)\b[^>]*\bname="([^"]*)"[^>]*>/g)].map(
          ([tag, name = '']) => [name, plain(/\bvalue="([^"]*)"/.exec(tag)?.[1] ?? '')],
        ),
      ),
    }),
  )

/** What a reader sees of it: without what stands in fields and addresses, where it is as it was given. */
export const readOf = (page: string): string =>
  page
    .replaceAll(/(value|href|action)="[^"]*"/g, '')
    .replaceAll(/<textarea[\s\S]*?<\/textarea>/g, '')

const plain = (text: string): string =>
  text.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
