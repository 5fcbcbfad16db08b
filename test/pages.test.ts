import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { appsPage } from '../src/pages/apps.ts'
import { consentPage } from '../src/pages/consent.ts'
import { type DemoStep, demoPage } from '../src/pages/demo.ts'
import { displayed } from '../src/pages/displayed.ts'
import { errorPage } from '../src/pages/error.ts'
import { html } from '../src/pages/html.ts'
import { pageHeaders } from '../src/pages/page-headers.ts'
import { passwordPage } from '../src/pages/password.ts'
import { signInPage } from '../src/pages/sign-in.ts'
import { signOutPage } from '../src/pages/sign-out.ts'
import { signedOutPage } from '../src/pages/signed-out.ts'

const HOSTILE = [
  `"><img src=x onerror=alert(1)>`,
  `'><svg onload=alert(1)>`,
  `</title></style></textarea><script>alert(1)</script>`,
  `\${alert(1)}`,
  `javascript:alert(1)`,
  `&lt;script&gt;`,
]

/** Every page, with one value in every place that someone else can fill. */
const everyPage = (value: string): ReadonlyMap<string, string> =>
  new Map([
    [
      'sign-in',
      signInPage({
        action: value,
        hidden: { [value]: value },
        clientName: value,
        username: value,
        problem: value,
        hint: value,
      }),
    ],
    [
      'consent',
      consentPage({
        action: value,
        hidden: { [value]: value },
        client: { name: value, uri: value, redirectHost: value, since: value },
        person: { name: value, username: value },
        signOut: value,
        problem: value,
        scopes: [
          { name: value, words: value, checked: true, history: 'allowed', offered: true },
          { name: value, words: value, checked: false, offered: false },
        ],
      }),
    ],
    [
      'error',
      errorPage({ status: 400, title: value, message: value, remedy: value, requestId: value }),
    ],
    ['signed-out', signedOutPage({ signIn: value })],
    [
      'sign-out',
      signOutPage({
        action: value,
        hidden: { [value]: value },
        person: { name: value, username: value },
        apps: value,
      }),
    ],
    [
      'apps',
      appsPage({
        action: value,
        person: { name: value, username: value },
        apps: [true, false].map((active) => ({
          ...{ client_id: value, name: value, uri: value, since: value, words: [value, value] },
          ...{ allowed: 1_790_000_000, used: { at: 1_790_000_000, route: value }, active },
          hidden: { [value]: value },
        })),
        sessions: [{ agent: value, remote: value, begun: 0, used: 0, here: false }],
        now: 1_790_000_000,
        links: { password: value, signOut: value, again: value },
        notice: value,
      }),
    ],
    [
      'password',
      passwordPage({
        action: value,
        hidden: { [value]: value },
        person: { name: value, username: value },
        shortest: 8,
        cancel: value,
        problem: { field: 'new_password', text: value },
      }),
    ],
    ['demo', demoPage(demoWith(value))],
  ])

const demoWith = (value: string) => {
  const headers = [[value, value] as const]
  const message = { start: value, headers, body: value, incidental: headers }
  const step: DemoStep = {
    number: 1,
    title: value,
    why: value,
    state: 'now',
    button: { action: value, label: value, stays: true },
    exchange: { from: value, to: value, request: message, response: message, status: 200 },
    curl: value,
    authorization: { url: value, parameters: [{ name: value, value, meaning: value }] },
    account: { username: value, password: value },
    learned: [[value, value]],
    note: { tone: 'bad', text: value },
  }
  return {
    steps: [step],
    done: 0,
    secrets: [{ name: value, value }],
    restart: value,
    apps: value,
    rest: { action: value, stays: false },
    script: '',
  }
}

const PAGES = everyPage('plain')

/** The tags of a page, as a browser would find them: `<` and a letter, whatever stands in quoted attributes. */
const tagsOf = (page: string): string[] =>
  [...page.matchAll(/<\/?[a-z][^\s>"'/]*(?:[^>"']|"[^"]*"|'[^']*')*>/gi)].map(([tag]) => tag)

const shapeOf = (page: string): string[] =>
  tagsOf(page).map((tag) => tag.replace(/="[^"]*"/g, '=""').replace(/\s+/g, ' '))

describe('A17 what someone else chose never becomes markup', () => {
  it.each(HOSTILE)('%s', (hostile) => {
    for (const [name, page] of everyPage(hostile)) {
      expect(shapeOf(page), name).toEqual(shapeOf(PAGES.get(name) ?? ''))
      if (/[<>"'&]/.test(hostile)) expect(page, name).not.toContain(hostile)
    }
  })

  it('A17 a link to the client is shown only when it is https', () => {
    const consent = (uri: string) =>
      consentPage({
        action: '/',
        hidden: {},
        client: { name: 'x', uri, redirectHost: 'x' },
        person: { name: 'x', username: 'x' },
        scopes: [],
      })
    expect(consent('https://example.com/')).toContain('href="https://example.com/"')
    for (const uri of [
      'javascript:alert(1)',
      'http://example.com/',
      'data:text/html,x',
      ' https://x',
    ])
      expect(consent(uri)).not.toContain('Website')
  })

  it('hidden fields come back exactly as they were given', () => {
    const value = `a"b'c<d>e&f\u00e9 \u200b`
    const page = signInPage({ action: '/', hidden: { request: value }, clientName: 'x' })
    const found = /name="request" value="([^"]*)"/.exec(page)?.[1] ?? ''
    expect(found.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))).toBe(value)
  })
})

describe('A17 A18 names are fit to be read', () => {
  it.each([
    ['turned by an override', 'moc.\u202eelgoog', 'moc. elgoog'],
    ['isolates', '\u2066evil\u2069', 'evil'],
    ['zero-width', 'Goo\u200bgle', 'Goo gle'],
    ['soft hyphen and joiner', 'a\u00ad\u200db', 'a b'],
    ['controls and line breaks', 'a\u0000b\r\nc\u2028d\u0085e', 'a b c d e'],
    ['letters that draw nothing', 'a\u3164\u115f\u2800b', 'a b'],
    ['tag characters', 'a\u{e0041}b', 'a b'],
    ['half a pair', 'a\ud800b', 'a b'],
    ['only invisible', '\u200b\u2060', ''],
    ['what is fine', 'Müller & Søn 東京 עברית', 'Müller & Søn 東京 עברית'],
  ])('%s', (_, given, expected) => {
    expect(displayed(given)).toBe(expected)
  })

  it('a tower of accents is cut', () => {
    expect([...displayed(`a${'\u0301\u0327'.repeat(50)}`)].length).toBeLessThanOrEqual(5)
  })

  it('a long name is cut between characters and says so', () => {
    expect(displayed('𝒜'.repeat(100), 10)).toBe(`${'𝒜'.repeat(9)}…`)
    expect(displayed('a'.repeat(10), 10)).toBe('a'.repeat(10))
  })

  it('every name on a page is isolated from the direction of the text around it', () => {
    const page = PAGES.get('consent') ?? ''
    expect(page.match(/<bdi>/g)?.length).toBeGreaterThanOrEqual(4)
  })
})

describe('A16 headers of every page', () => {
  const policyOf = (options: Parameters<typeof pageHeaders>[0]) =>
    new Map(
      (pageHeaders(options)['Content-Security-Policy'] ?? '').split('; ').map((directive) => {
        const [name = '', ...sources] = directive.split(' ')
        return [name, sources.join(' ')]
      }),
    )

  it('nothing is loaded from anywhere, nothing frames it, nothing rebases it', () => {
    const policy = policyOf({ form: 'self' })
    expect(policy.get('default-src')).toBe("'none'")
    expect(policy.get('frame-ancestors')).toBe("'none'")
    expect(policy.get('base-uri')).toBe("'none'")
    expect(policy.has('script-src')).toBe(false)
  })

  it('form-action is self, and left out where the post may end at a client', () => {
    expect(policyOf({ form: 'self' }).get('form-action')).toBe("'self'")
    expect(policyOf({ form: 'client' }).has('form-action')).toBe(false)
  })

  it('the style that every page carries is the one that is allowed', () => {
    for (const [name, page] of PAGES) {
      const styles = [...page.matchAll(/<style>([\s\S]*?)<\/style>/g)]
      expect(styles.length, name).toBe(1)
      const hash = createHash('sha256')
        .update(styles[0]?.[1] ?? '')
        .digest('base64')
      expect(policyOf({ form: 'self' }).get('style-src')).toBe(`'sha256-${hash}'`)
    }
  })

  it('not cached, not framed, not sniffed, no referrer', () => {
    expect(pageHeaders({ form: 'self' })).toMatchObject({
      'Cache-Control': 'no-store',
      'X-Frame-Options': 'DENY',
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Permissions-Policy': expect.stringContaining('camera=()'),
    })
  })

  it('the policy holds: no inline handler, no style attribute, no script but the demo’s, nothing from elsewhere', () => {
    for (const [name, page] of PAGES) {
      const tags = tagsOf(page)
      expect(
        tags.filter((tag) => /\s(on[a-z]+|style)=/i.test(tag)),
        name,
      ).toEqual([])
      expect(tags.filter((tag) => /^<script/i.test(tag)).length, name).toBe(name === 'demo' ? 1 : 0)
      expect(
        tags.filter((tag) => /^<(link|img|iframe|object|base)|\ssrc=/i.test(tag)),
        name,
      ).toEqual([])
      expect(page, name).not.toMatch(/url\((?!#)|@import|javascript:/)
    }
  })
})

describe('everyone can read and use them', () => {
  it.each([...PAGES])('%s: language, title, viewport, one main, one h1', (_, page) => {
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/)
    expect(page).toMatch(/<title>[^<]+ · Portcullis<\/title>/)
    expect(page).toContain('name="viewport" content="width=device-width, initial-scale=1"')
    expect(page.match(/<main>/g)?.length).toBe(1)
    expect(page.match(/<h1/g)?.length).toBe(1)
  })

  it.each([...PAGES])('%s: every visible field has a label, every button a name', (_, page) => {
    const inputs = tagsOf(page).filter((tag) => /^<input(?!.*(type="hidden"|\shidden))/.test(tag))
    expect(inputs.filter((tag) => !isLabelled(page, tag))).toEqual([])
    for (const [, attributes, words] of page.matchAll(/<button([^>]*)>([^<]*)<\/button>/g))
      expect(words !== '' || attributes?.includes(' hidden'), attributes).toBe(true)
  })

  it.each([...PAGES])('%s: ids are unique, and what refers to one finds it', (_, page) => {
    const ids = [...page.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const references = [...page.matchAll(/\s(?:aria-labelledby|aria-describedby|for)="([^"]*)"/g)]
    for (const [, named = ''] of references)
      for (const id of named.split(' ')) expect(ids).toContain(id)
  })

  it('sign-in: fields that password managers know; a problem is announced and named at the fields', () => {
    const page = PAGES.get('sign-in') ?? ''
    expect(page).toContain('autocomplete="username"')
    expect(page).toContain('autocomplete="current-password"')
    expect(page).toMatch(/role="alert" id="problem"/)
    expect(page.match(/aria-invalid="true" aria-describedby="problem"/g)?.length).toBe(2)
    const calm = signInPage({ action: '/', hidden: {}, clientName: 'x' })
    expect(calm).not.toContain('aria-invalid=')
    expect(calm).not.toContain('role="alert"')
  })

  it('consent: one ticked box a scope; what cannot be granted is disabled and says why; Enter decides nothing', () => {
    const page = consentPage({
      action: '/oauth/consent',
      hidden: { request: 'sealed' },
      client: { name: 'Acme', redirectHost: 'acme.example' },
      person: { name: 'Ada', username: 'ada' },
      scopes: [
        { name: 'orders.read', words: 'See', checked: true, history: 'allowed', offered: true },
        { name: 'orders.write', words: 'Change', checked: false, offered: true },
        { name: 'admin', words: 'Everything', checked: true, offered: false },
      ],
    })
    expect(page).toContain('name="scope" value="orders.read" checked')
    expect(page).toContain('name="scope" value="orders.write">')
    expect(page).not.toContain('value="admin"')
    expect(page).toContain('Not yours to give')
    expect(page.match(/Allowed before/g)?.length).toBe(1)
    expect(page).toContain('acme.example')
    const buttons = [...page.matchAll(/<button[^>]*>/g)].map(([tag]) => tag)
    expect(buttons).toEqual([
      '<button type="submit" formmethod="dialog" hidden>',
      expect.stringContaining('name="decision" value="deny"'),
      expect.stringContaining('name="decision" value="allow"'),
    ])
  })

  it.each([
    ['light', 0],
    ['dark', 1],
  ])('text has at least 4.5 : 1 contrast, edges of controls 3 : 1 (%s)', (_, scheme) => {
    const style = /<style>([\s\S]*?)<\/style>/.exec(PAGES.get('error') ?? '')?.[1] ?? ''
    const blocks = [...style.matchAll(/:root\{([^}]*)\}/g)].map(([, block]) => block ?? '')
    const colours = new Map(
      [...(blocks[scheme] ?? '').matchAll(/--([a-z-]+):(#[0-9a-f]+)/g)].map(
        ([, name = '', value = '']) => [name, value],
      ),
    )
    const ratio = (one: string, other: string) =>
      contrast(colours.get(one) ?? '', colours.get(other) ?? '')
    for (const ground of ['panel', 'well', 'tint'])
      for (const text of ['ink', 'soft', 'accent'])
        expect(ratio(text, ground), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5)
    expect(ratio('warn', 'panel')).toBeGreaterThanOrEqual(4.5)
    expect(ratio('warn', 'well')).toBeGreaterThanOrEqual(4.5)
    expect(ratio('warn', 'warn-tint')).toBeGreaterThanOrEqual(4.5)
    expect(ratio('care', 'care-tint')).toBeGreaterThanOrEqual(4.5)
    expect(ratio('on-accent', 'accent')).toBeGreaterThanOrEqual(4.5)
    expect(ratio('on-accent', 'press')).toBeGreaterThanOrEqual(4.5)
    expect(ratio('on-iron', 'iron')).toBeGreaterThanOrEqual(4.5)
    for (const ground of ['panel', 'well']) {
      expect(ratio('edge', ground), `edge on ${ground}`).toBeGreaterThanOrEqual(3)
      expect(ratio('focus', ground), `focus on ${ground}`).toBeGreaterThanOrEqual(3)
    }
  })
})

describe('the template', () => {
  it('escapes text, keeps its own markup, leaves out what is absent, joins lists', () => {
    const list = ['a', '<'].map((one) => html`<i>${one}</i>`)
    expect(html`${'&'}${html`<b>`}${undefined}${false}${0}${list}`.markup).toBe(
      '&#38;<b>0<i>a</i><i>&#60;</i>',
    )
  })
})

/** By `for`, or by standing in its label. */
const isLabelled = (page: string, tag: string): boolean => {
  const id = /\sid="([^"]*)"/.exec(tag)?.[1]
  return id === undefined
    ? /<label[^>]*>$/.test(page.slice(0, page.indexOf(tag)))
    : page.includes(`<label for="${id}">`)
}

/** WCAG 2.2, "contrast ratio". */
const contrast = (one: string, other: string): number => {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)
}

const luminance = (colour: string): number => {
  const short = colour.length === 4
  const [r = 0, g = 0, b = 0] = [0, 1, 2].map((index) => {
    const digits = short
      ? (colour[index + 1] ?? '').repeat(2)
      : colour.slice(1 + index * 2, 3 + index * 2)
    const value = Number.parseInt(digits, 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
