import type { AuthorizationNote, Judged } from '../oauth/explain-authorization.ts'

/** What there is to say of an authorization request, for a person: titles, each with its lines. */
export const authorizationParts = (
  note: AuthorizationNote,
): readonly (readonly [title: string, lines: readonly string[]])[] => [
  ['client', clientLines(note)],
  ['redirect', redirectLines(note)],
  ['pkce', judgedLines(note.pkce, (method) => PKCE.get(method) ?? method)],
  ['scope', judgedLines(note.scope, (names) => names.join(' ') || 'none')],
  ['resource', judgedLines(note.resource, (names) => names.join(', ') || ANYWHERE)],
  ['answer', answerLines(note)],
]

const ANYWHERE = 'none: its tokens are good on every route that their scopes open'

const PKCE = new Map([
  ['S256', 'S256'],
  ['none', 'none, and this client need not'],
])

const clientLines = ({ client, pushed }: AuthorizationNote): string[] => [
  ...judgedLines(client, ({ client_id, client_name, kind, source }) => {
    const name = client_name === undefined ? '' : ` (${client_name})`
    return `${client_id}${name}, ${kind}, ${SOURCES[source]}`
  }),
  ...(pushed ? ['the request was pushed: what else stands in the address does not count'] : []),
]

const SOURCES = {
  file: 'of the configuration',
  operator: 'made by an operator',
  registered: 'registered by itself',
} as const

const redirectLines = ({ redirect_uri }: AuthorizationNote): string[] => {
  if (redirect_uri === undefined) return []
  if ('value' in redirect_uri) return [`${redirect_uri.value} is registered`]
  const { error, description, given, nearest, differs = [] } = redirect_uri
  if (given === undefined) return [`${error}: ${description}`]
  if (nearest === undefined) return [`${given} is not registered, and no other is`]
  return [
    `${given} is not registered`,
    `nearest: ${nearest}`,
    `differs in: ${differs.join(', ') || 'nothing, but it is one that nobody may be sent to'}`,
  ]
}

const judgedLines = <T>(judged: Judged<T> | undefined, words: (value: T) => string): string[] => {
  if (judged === undefined) return []
  return 'value' in judged ? [words(judged.value)] : [`${judged.error}: ${judged.description}`]
}

const answerLines = ({ outcome }: AuthorizationNote): string[] => {
  const { to, error, description } = outcome
  if (to === 'person') return ['the person signs in and is asked, as far as that is needed']
  const where = to === 'page' ? 'an error page; nobody is sent anywhere' : 'back to the client'
  return [`${where}: ${error}: ${description}`]
}
