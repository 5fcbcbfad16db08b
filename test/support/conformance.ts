import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * docs/conformance.md, made of the tests' titles and the `Deviation:` comments of the sources. `npm run docs:conformance`
 * writes it; test/conformance.test.ts fails while it is stale.
 */
export const conformance = (): string => {
  const held = testFiles().flatMap(requirementsOf)
  const rfcs = [...RFCS].map(([rfc, title]) =>
    table(
      `RFC ${rfc}: ${title}`,
      'section',
      held.filter(({ group }) => group === rfc),
    ),
  )
  const attacks = [...ATTACKS].map(([group, title]) =>
    table(
      title,
      'id',
      held.filter((requirement) => requirement.group === group),
    ),
  )
  return `${[INTRODUCTION, ...rfcs, DEVIATIONS, deviations(), ...attacks].filter(Boolean).join('\n\n')}\n`
}

export const CONFORMANCE_FILE = fileURLToPath(new URL('../../docs/conformance.md', import.meta.url))

type Requirement = { group: string; place: string; title: string; file: string }

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const INTRODUCTION = `# Conformance

What of which specification a test holds us to. Made of the titles of the tests by \`npm run docs:conformance\`; do not edit.`

const DEVIATIONS = `## Deviations

Where we do otherwise than a specification says or recommends, from the sources.`

const RFCS = new Map([
  ['6749', 'The OAuth 2.0 Authorization Framework'],
  ['6750', 'Bearer Token Usage'],
  ['7009', 'Token Revocation'],
  ['7517', 'JSON Web Key'],
  ['7521', 'Assertion Framework for Client Authentication'],
  ['7523', 'JWT Profile for Client Authentication'],
  ['7591', 'Dynamic Client Registration'],
  ['7592', 'Dynamic Client Registration Management'],
  ['7636', 'Proof Key for Code Exchange'],
  ['7662', 'Token Introspection'],
  ['8252', 'OAuth 2.0 for Native Apps'],
  ['8414', 'Authorization Server Metadata'],
  ['8628', 'Device Authorization Grant'],
  ['8707', 'Resource Indicators'],
  ['9101', 'JWT-Secured Authorization Request (refused)'],
  ['9126', 'Pushed Authorization Requests'],
  ['9207', 'Authorization Server Issuer Identification'],
  ['9700', 'Best Current Practice for OAuth 2.0 Security'],
  ['9728', 'Protected Resource Metadata'],
  ['9110', 'HTTP Semantics'],
  ['9112', 'HTTP/1.1'],
  ['6455', 'The WebSocket Protocol'],
])

const ATTACKS = new Map([
  ['A', 'Attacks on OAuth'],
  ['P', 'Attacks on proxies'],
  ['F', 'Traps of the platform and of libraries'],
  ['R', 'Faults'],
])

/** Where the numbered requirements of the tests (`6749-41`) stand in their RFC. */
const SECTIONS = new Map<string, string>(
  Object.entries({
    '6749': {
      '§1.6': '12',
      '§2.3': '63 66',
      '§2.3.1': '02 60 61 62 67',
      '§3.1': '04 05 06 07 08 09',
      '§3.1.1': '21',
      '§3.1.2': '25 27',
      '§3.2': '01 03 10',
      '§3.2.1': '45 64',
      '§3.3': '22',
      '§4.1.1': '24',
      '§4.1.2': '26 28 43 44',
      '§4.1.2.1': '20 23',
      '§4.1.3': '42',
      '§4.2, §4.3': '68',
      '§4.4': '50',
      '§5.1': '11 46',
      '§5.2': '40 41 65',
      '§6': '51 52',
      '§10.4': '53',
      '§10.13': '29',
    },
    '6750': {
      '§2': '05 15',
      '§2.1': '01 02',
      '§2.2': '03',
      '§2.3': '04',
      '§3': '06 10 11',
      '§3.1': '07 08 09 14',
      '§5': '12 13',
    },
    '7009': { '§2.1': '01 03 04 07', '§2.2': '02', '§2.2.1': '06', '§3': '05' },
    '7591': { '§2': '03 04', '§3.2.1': '01', '§3.2.2': '02', '§5': '05' },
    '7592': { '§2': '01' },
    '7636': {
      '§4.1': '04',
      '§4.2': '03',
      '§4.3': '02',
      '§4.4.1': '01',
      '§4.6': '05 06 07',
      '§5': '08',
    },
    '7662': { '§2.1': '01', '§2.2': '02 03', '§4': '04' },
    '8252': { '§7.1': '03', '§7.3': '01', '§8.3': '02 04', '§8.6': '05' },
    '8414': { '§2': '03 04', '§3': '01 05', '§3.3': '02' },
    '8628': {
      '§3.1': '07',
      '§3.2': '01',
      '§3.5': '02',
      '§5.1': '03',
      '§5.2': '04',
      '§5.4': '05 06',
    },
    '9101': { '§7': '01' },
    '9126': { '§2.1': '02', '§2.2': '01', '§4': '03', '§5': '04' },
    '8707': { '§2': '01', '§2.2': '02', '§3': '03' },
  }).flatMap(([rfc, sections]) =>
    Object.entries(sections).flatMap(([section, numbers]) =>
      numbers.split(' ').map((number) => [`${rfc}-${number}`, section] as const),
    ),
  ),
)

const testFiles = (): string[] =>
  readdirSync(join(ROOT, 'test'))
    .filter((name) => name.endsWith('.test.ts'))
    .sort()

const ID = String.raw`(?:\d{4}-[\d.]+|[APFR]-?\d{1,2}|§[\d.]+)`
const TITLE = new RegExp(String.raw`(['"\`])((?:${ID},? )+)((?:\\.|(?!\1).)+)\1`, 'g')

/** String literals that begin with the ids of what they hold us to: titles, and rows of the tables behind them. */
const requirementsOf = (file: string): Requirement[] => {
  const text = readFileSync(join(ROOT, 'test', file), 'utf8')
  return [...text.matchAll(TITLE)].flatMap(({ index, 2: ids = '', 3: title = '' }) =>
    ids
      .trim()
      .split(/,? /)
      .map((id) => ({
        ...placeOf(id, file),
        title: shown(inTable(title, text.slice(index))),
        file,
      })),
  )
}

const NEXT_TEST = /\n\s*(?:it|describe)[.(]/
const END_OF_TABLE = /\n\s*\]\)\(\s*(['"`])((?:\\.|(?!\1).)+)\1/

/** A row of a table reads as the title that its table gives it. */
const inTable = (row: string, rest: string): string => {
  const end = END_OF_TABLE.exec(rest)
  const next = rest.search(NEXT_TEST)
  if (!end || (next >= 0 && next < end.index)) return row
  const title = (end[2] ?? '').replace(new RegExp(`^(?:${ID},? )+`), '')
  return PLACEHOLDER.test(title) ? title.replace(PLACEHOLDER, () => row) : `${title}: ${row}`
}

const PLACEHOLDER = /\$\{?[\w.]+\}?|%[sdijo]/

const placeOf = (id: string, file: string): { group: string; place: string } => {
  if (/^[APFR]/.test(id)) return { group: id.slice(0, 1), place: id }
  if (id.startsWith('§')) return { group: /rfc(\d{4})/.exec(file)?.[1] ?? '', place: id }
  const [rfc = '', number = ''] = id.split('-')
  const numbered = /^\d\d$/.test(number)
  return { group: rfc, place: numbered ? (SECTIONS.get(id) ?? '') : `§${number}` }
}

/** What a table puts into a title is left open here. */
const shown = (title: string): string =>
  title
    .replace(/\\(.)/g, '$1')
    .replaceAll(new RegExp(PLACEHOLDER, 'g'), '…')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')

const table = (heading: string, first: string, rows: readonly Requirement[]): string => {
  if (rows.length === 0) return ''
  const lines = rows
    .toSorted((a, b) => ORDER.compare(a.place, b.place) || ORDER.compare(a.title, b.title))
    .map(({ place, title, file }) => `| ${place} | ${title} | ${file} |`)
  return [
    `## ${heading}`,
    '',
    `| ${first} | requirement | test |`,
    '| --- | --- | --- |',
    ...new Set(lines),
  ].join('\n')
}

const ORDER = new Intl.Collator('en', { numeric: true })

const deviations = (): string => {
  const found = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .flatMap((name) => {
      const text = readFileSync(join(ROOT, 'src', name), 'utf8')
      return [...text.matchAll(COMMENT)].map(
        ([, words = '']) => `- ${sentence(words)} (\`src/${name}\`)`,
      )
    })
  return found.length > 0 ? found.join('\n') : 'None.'
}

const COMMENT = /Deviation: ((?:.|\n\s*(?:\/\/|\*(?!\/)))*)/g

const sentence = (comment: string): string =>
  comment
    .replace(/\n\s*(\/\/|\*)/g, ' ')
    .replace(/\*\/.*$/, '')
    .replace(/\s+/g, ' ')
    .trim()

if (import.meta.main) writeFileSync(CONFORMANCE_FILE, conformance())
