import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAdminClient, madeToken } from './support/admin.ts'
import { createClient } from './support/client.ts'
import { type Operator, openConsole, postFormsOf } from './support/console.ts'
import { type Portcullis, startPortcullis } from './support/portcullis.ts'

const SECRET = 'a-secret-of-32-characters-and-some-more'
const CONFIGURATION = `
demo: true
scopes: { a: See a, b: See b }
upstreams: { api: "http://127.0.0.1:9" }
routes: [{ path: /a/*, upstream: api, scope: a }]
clients:
  - { client_id: alpha, client_secret: ${SECRET}, grant_types: [client_credentials], scope: a }
  - { client_id: beta, client_secret: ${SECRET}, grant_types: [client_credentials], scope: a b }
accounts:
  - { username: vera, password: vera, admin: viewer }
  - { username: otto, password: otto, admin: operator }
`

let portcullis: Portcullis
let viewer: Operator
let operator: Operator
beforeAll(async () => {
  portcullis = await startPortcullis(CONFIGURATION)
  viewer = await openConsole(portcullis.admin, 'vera')
  operator = await openConsole(portcullis.admin, 'otto')
  for (const name of ['alpha', 'beta']) {
    const client = createClient(portcullis.origin, name, { secret: SECRET })
    for (let count = 0; count < 60; count += 1)
      await client.post('token', { grant_type: 'client_credentials' })
  }
})
afterAll(() => portcullis.stop())

const plain = (text: string): string => text.replaceAll('&#38;', '&')

/** Where a link of the page leads, by what it says. */
const linkTo = (body: string, label: string): string | undefined => {
  const href = new RegExp(`<a class="button" href="([^"]*)">${label}</a>`).exec(body)?.[1]
  return href === undefined ? undefined : plain(href)
}

const rowsOf = (body: string): number => body.match(/href="\/clients\/(alpha|beta)"/g)?.length ?? 0

const pagesFrom = async (path: string): Promise<readonly string[]> => {
  const pages: string[] = []
  for (let at: string | undefined = path; at !== undefined && pages.length < 20; ) {
    const { status, body }: { status: number; body: string } = await viewer.open(at)
    expect([at, status]).toEqual([at, 200])
    pages.push(body)
    at = linkTo(body, 'Further')
  }
  return pages
}

describe('the page of grants', () => {
  it('shows those of everybody page by page: all of them together, each once', async () => {
    const pages = await pagesFrom('/grants')
    expect(pages.length).toBeGreaterThan(2)
    expect(pages.reduce((sum, body) => sum + rowsOf(body), 0)).toBe(120)
    expect(pages[0]).toContain('client by client, oldest first')
  })

  it('leads back to the first page from every other one, and nowhere from a list of one page', async () => {
    const [first, ...rest] = await pagesFrom('/grants?client_id=alpha&scope=a')
    expect(linkTo(first ?? '', 'First')).toBeUndefined()
    expect(rest.length).toBeGreaterThan(0)
    for (const body of rest) expect(linkTo(body, 'First')).toBe('/grants?client_id=alpha&scope=a')
    const { body } = await viewer.open('/grants?sub=nobody')
    expect([linkTo(body, 'First'), linkTo(body, 'Further')]).toEqual([undefined, undefined])
    expect(body).toContain('No grant is like that.')
  })

  it('keeps what is looked for in its links and its fields', async () => {
    const { body } = await viewer.open('/grants?scope=a&client_id=beta')
    const next = new URL(linkTo(body, 'Further') ?? '', portcullis.admin)
    expect(next.searchParams.get('scope')).toBe('a')
    expect(next.searchParams.get('client_id')).toBe('beta')
    expect(next.searchParams.get('cursor')).toMatch(/^\d+$/)
    expect(body).toMatch(/id="scope" name="scope" value="a"/)
    // A new search begins with its first page.
    expect(/<form class="filters"[\s\S]*?<\/form>/.exec(body)?.[0]).not.toContain('cursor')
  })

  it('finds who has a scope, whoever they are', async () => {
    const pages = await pagesFrom('/grants?scope=b')
    expect(pages.reduce((sum, body) => sum + rowsOf(body), 0)).toBe(60)
    expect(pages.join('')).not.toContain('href="/clients/alpha"')
  })

  it('after an end shows the page that it was on', async () => {
    const { body } = await operator.open('/grants')
    const second = linkTo(body, 'Further') ?? ''
    const before = await operator.open(second)
    const form = postFormsOf(before.body).find(({ action }) => action.endsWith('/end'))
    const answer = await operator.post(form?.action ?? '', Object.fromEntries(form?.fields ?? []))
    const cursor = new URL(second, portcullis.admin).searchParams.get('cursor') ?? ''
    const at = new URL(answer.location ?? '')
    expect([answer.status, at.pathname]).toEqual([303, '/grants'])
    expect(at.searchParams.get('cursor')).toBe(cursor)
    const after = await operator.open(`${at.pathname}${at.search}`)
    expect(after.body).toContain('It has ended')
    expect(after.body).not.toContain(form?.action ?? 'no form')
  })

  it.each([
    ['cursor=x', 'There is no such page'],
    ['cursor=12', 'There is no such page'],
    ['client_id=alpha&cursor=s12', 'There is no such page'],
    ['scope=a+b', 'A scope is one word'],
    ['scope=%22', 'A scope is one word'],
    ['unused=0', 'Days are a whole number'],
  ])('%s is 400, and the page says what is wrong', async (query, words) => {
    const { status, body } = await viewer.open(`/grants?${query}`)
    expect(status).toBe(400)
    expect(body).toMatch(new RegExp(`role="alert">${words}`))
  })

  it('where there is more to look through, an empty page says so, leads on, and tells how to see all', async () => {
    const admin = await createAdminClient(portcullis.admin, await madeToken(portcullis.folder))
    for (const batch of ['x', 'y']) {
      const clients = Array.from({ length: 500 }, (_, at) => ({
        ...{ client_id: `${batch}${at}`, client_secret: SECRET, scope: 'a' },
        grant_types: ['client_credentials'],
      }))
      const { body } = await admin.token('POST', '/api/v1/clients/import', { body: { clients } })
      expect(new Set(body.items.map(({ outcome }: { outcome: string }) => outcome))).toEqual(
        new Set(['created']),
      )
    }
    const [first, ...rest] = await pagesFrom('/grants?scope=none')
    expect(first).toContain('There are more: go further')
    expect(first).toContain('<code>portcullis grant list --all</code>')
    expect(rest.at(-1)).toContain('None of the rest is like that.')
    expect(rest.at(-1)).not.toContain('grant list --all')
  })
})
