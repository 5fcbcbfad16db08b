/** A page or answer as a browser would have it, with redirects not yet followed. */
export type Answer = {
  readonly url: string
  readonly status: number
  readonly headers: Headers
  readonly body: string
  /** Where it leads, absolute; undefined for what is no redirect. */
  readonly location: string | undefined
}

/** A browser with cookies of its own. */
export type Browser = {
  open(url: string, init?: RequestInit): Promise<Answer>
  /** Posts fields as the form of a page would be. */
  post(url: string, fields: Fields, headers?: Readonly<Record<string, string>>): Promise<Answer>
  readonly cookies: Map<string, string>
}

export type Fields = Readonly<Record<string, string | readonly string[]>>

/** `always`: fields of every request. */
export const openBrowser = (always: Readonly<Record<string, string>> = {}): Browser => {
  const cookies = new Map<string, string>()
  const open = async (url: string, init: RequestInit = {}): Promise<Answer> => {
    const headers = new Headers({ ...always, ...Object.fromEntries(new Headers(init.headers)) })
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    if (cookie !== '') headers.set('Cookie', cookie)
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) keepCookie(cookies, line)
    const location = response.headers.get('Location')
    return {
      url,
      status: response.status,
      headers: response.headers,
      body: await response.text(),
      location: location === null ? undefined : new URL(location, url).href,
    }
  }
  return {
    open,
    post: (url, fields, headers = {}) =>
      open(url, { method: 'POST', headers, body: formBody(fields) }),
    cookies,
  }
}

const keepCookie = (cookies: Map<string, string>, line: string): void => {
  const [pair = '', ...attributes] = line.split('; ')
  const equals = pair.indexOf('=')
  const name = pair.slice(0, equals)
  if (attributes.includes('Max-Age=0')) cookies.delete(name)
  else cookies.set(name, pair.slice(equals + 1))
}

export const formBody = (fields: Fields): URLSearchParams =>
  new URLSearchParams(
    Object.entries(fields).flatMap(([name, value]) =>
      (typeof value === 'string' ? [value] : value).map((one): [string, string] => [name, one]),
    ),
  )

/** The form of a page: where it posts to, what it holds, and what can be ticked. */
export type Form = {
  readonly action: string
  readonly hidden: Readonly<Record<string, string>>
  readonly checkboxes: readonly { value: string; checked: boolean; disabled: boolean }[]
}

export const formOf = (page: Pick<Answer, 'url' | 'body'>): Form => {
  const action = /<form[^>]*action="([^"]*)"/.exec(page.body)?.[1]
  if (action === undefined) throw new Error(`no form on this page:\n${page.body}`)
  const inputs = [...page.body.matchAll(/<input\b[^>]*>/g)].map(([tag]) => ({
    type: attribute(tag, 'type'),
    name: attribute(tag, 'name') ?? '',
    value: attribute(tag, 'value') ?? '',
    checked: /\schecked\b/.test(tag),
    disabled: /\sdisabled\b/.test(tag),
  }))
  const hidden = inputs.filter(({ type }) => type === 'hidden')
  return {
    action: new URL(unescaped(action), page.url).href,
    hidden: Object.fromEntries(hidden.map(({ name, value }) => [name, value])),
    checkboxes: inputs.filter(({ type, name }) => type === 'checkbox' && name === 'scope'),
  }
}

const attribute = (tag: string, name: string): string | undefined => {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1]
  return value === undefined ? undefined : unescaped(value)
}

const unescaped = (text: string): string =>
  text
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')

/** What a person does with the pages of one authorization. */
type Conduct = {
  readonly decision?: 'allow' | 'deny'
  /** The scopes to tick; all that are ticked already unless given. */
  readonly scope?: readonly string[]
}

/** Someone with a browser, who signs in and decides where they are asked to. */
export type Person = {
  readonly browser: Browser
  /** Opens an authorization URL and goes through the pages to the address that the client is answered at. */
  authorize(url: string | URL, conduct?: Conduct): Promise<URL>
  /** Goes on from a page or redirect of ours, up to one that leads elsewhere. */
  goOn(answer: Answer, conduct?: Conduct): Promise<URL>
  /** Follows our own redirects up to a page or an address elsewhere. */
  settle(answer: Answer): Promise<Answer>
  signIn(page: Answer): Promise<Answer>
  decide(page: Answer, conduct?: Conduct): Promise<Answer>
}

export const createPerson = (
  username: string,
  password: string,
  browser: Browser = openBrowser(),
): Person => {
  const settle = async (answer: Answer): Promise<Answer> => {
    if (answer.location === undefined || isElsewhere(answer)) return answer
    return settle(await browser.open(answer.location))
  }
  const signIn = (page: Answer) => {
    const { action, hidden } = formOf(page)
    return browser.post(action, { ...hidden, username, password })
  }
  const decide = (page: Answer, { decision = 'allow', scope }: Conduct = {}) => {
    const { action, hidden, checkboxes } = formOf(page)
    const ticked = checkboxes.filter((box) => box.checked && !box.disabled).map((box) => box.value)
    return browser.post(action, { ...hidden, decision, scope: scope ?? ticked })
  }
  const goOn = async (answer: Answer, conduct?: Conduct): Promise<URL> => {
    const settled = await settle(answer)
    if (settled.location !== undefined) return new URL(settled.location)
    if (settled.status !== 200)
      throw new Error(`${settled.status} at ${settled.url}:\n${settled.body}`)
    const asked = settled.body.includes('type="password"')
    return goOn(asked ? await signIn(settled) : await decide(settled, conduct), conduct)
  }
  return {
    browser,
    async authorize(url, conduct) {
      return goOn(await browser.open(String(url)), conduct)
    },
    goOn,
    settle,
    signIn,
    decide,
  }
}

/** A redirect away from our own pages. */
const isElsewhere = ({ url, location }: Answer): boolean => {
  if (location === undefined) return false
  const [here, there] = [new URL(url), new URL(location)]
  return (
    there.origin !== here.origin ||
    !/\/(authorize|login|consent|device|apps|password)$/.test(there.pathname)
  )
}
