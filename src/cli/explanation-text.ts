import type { FullExplanation } from '../explain-request.ts'
import type { Explanation, RouteNote } from '../gateway/explanation.ts'
import { authorizationParts } from './authorization-text.ts'
import { printable } from './printable.ts'
import { tokenLines } from './token-text.ts'

/** An explanation for a person: one part a line, each under a word at the left. */
export const explanationText = (explanation: FullExplanation): string => {
  const { request, authorization } = explanation
  const handshake = request.upgrade ? ' (WebSocket handshake)' : ''
  const parts = authorization ? authorizationParts(authorization) : gatewayParts(explanation)
  return [
    `${request.method} ${request.target} for ${request.host}${handshake}`,
    ...section('target', targetLines(explanation)),
    ...parts.flatMap(([title, lines]) => section(title, lines)),
  ]
    .map((line) => `${printable(line)}\n`)
    .join('')
}

const gatewayParts = (explanation: Explanation): readonly (readonly [string, string[]])[] => [
  ['route', routeLines(explanation)],
  ['token', tokenLines(explanation.token)],
  ['upstream', upstreamLines(explanation)],
  ['fields', fieldLines(explanation)],
  ['answer', answerLines(explanation)],
]

const section = (title: string, lines: readonly string[]): string[] =>
  lines.map((line, at) => `${(at === 0 ? title : '').padEnd(10)}${line}`)

const targetLines = ({ target }: Explanation): string[] => {
  if ('refusal' in target) return [`refused (${target.refusal}): ${target.description}`]
  const compared = target.compared === target.path ? '' : `, compared as ${target.compared}`
  const slash = target.encodedSlash ? '; it holds an encoded slash' : ''
  return [`in its plain form${compared}${slash}`]
}

const routeLines = ({ route, others, rewritten, target, request }: Explanation): string[] => {
  if ('refusal' in target) return []
  const goesAs = rewritten === undefined || rewritten === request.target ? '' : `, as ${rewritten}`
  const first =
    route === undefined ? 'none' : `${named(route)} → ${route.upstream}${goesAs}${asks(route)}`
  return [first, ...others.map((other) => `  not ${named(other)}: ${WHY_NOT.get(other.why)}`)]
}

const named = ({ host = '', path, methods }: RouteNote): string =>
  `${host}${path}${methods ? ` (${methods.join(', ')})` : ''}`

const asks = ({ access, scope }: RouteNote): string => {
  if (access === 'public') return '; public'
  const optional = access === 'optional' ? ', if one is sent' : ''
  if (scope === undefined) return `; any valid token${optional}`
  const of = scope.mode === 'any' && scope.scopes.length > 1 ? 'one of the scopes' : 'scope'
  return `; ${of} ${scope.scopes.join(' ')}${optional}`
}

const WHY_NOT: ReadonlyMap<Explanation['others'][number]['why'], string> = new Map([
  ['precedence', 'it would match, but a more special host, path or method goes first'],
  ['encoded_slash', 'the encoded slash would decide whether it matches'],
  ['method', 'the path matches, the method does not'],
  ['host', 'the path matches, the host does not'],
  ['path', 'begins alike, does not match the path'],
])

const upstreamLines = ({ upstream }: Explanation): string[] => {
  if (upstream === undefined) return []
  const { name, chosen, targets } = upstream
  const lead = chosen === undefined ? 'is not asked' : `${chosen} would be asked`
  return [
    `${name}: ${lead}`,
    ...targets.map(({ target, state }) => `  ${target} is ${STATES.get(state)}`),
  ]
}

const STATES = new Map([
  ['well', 'well'],
  ['ejected', 'left out for a while: its requests failed'],
  ['unwell', 'not asked: its health check fails'],
])

const fieldLines = ({ fields }: Explanation): string[] => {
  if (fields === undefined) return []
  const { removed, cut, set } = fields
  return [
    ...(removed.length > 0 ? [`taken out: ${removed.join(', ')}`] : []),
    ...(cut.length > 0 ? [`passed on in part: ${cut.join(', ')}`] : []),
    ...set.map(({ name, value }) => `set: ${name}: ${value}`),
  ]
}

const answerLines = ({ outcome }: Explanation): string[] => {
  const { by, status, error, refusal, description, challenge } = outcome
  if (by === 'upstream') return ['what the upstream answers: every check is passed']
  if (by === 'ourselves') return ['one of the endpoints or pages of the gateway itself']
  const word = [error, ...(refusal === error ? [] : [`(${refusal})`])].filter(Boolean).join(' ')
  return [
    `${status} ${word}`.trim() + (description === undefined ? '' : `: ${description}`),
    ...(challenge === undefined ? [] : [`WWW-Authenticate: ${challenge}`]),
  ]
}
