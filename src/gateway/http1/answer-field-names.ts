import { HOP_BY_HOP } from '../field-names.ts'
import { createNameTable } from '../name-table.ts'

/** What a field of an upstream's answer is to us: read for what it means, passed on, or neither. */
export type AnswerDisposition =
  | 'pass'
  | 'drop'
  | 'length'
  | 'coding'
  | 'connection'
  | 'keep-alive'
  | 'cookie'
  | 'type'
  | 'encoding'
  | 'caching'

/** Undefined for what is no field name (RFC 9110 §5.1). */
export const answerDisposition = (name: string): AnswerDisposition | undefined => {
  const usual = known(name)
  if (usual !== undefined) return usual
  if (!TOKEN.test(name)) return undefined
  return known(name.toLowerCase()) ?? 'pass'
}

const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/

/** In the spellings that are usual, so that the first look finds them. */
const spelled = (
  names: readonly string[],
  disposition: AnswerDisposition,
): [string, AnswerDisposition][] =>
  names.flatMap((name): [string, AnswerDisposition][] => [
    [name, disposition],
    [name.toLowerCase(), disposition],
  ])

const known = createNameTable<AnswerDisposition>([
  // Ours is another.
  ...spelled([...HOP_BY_HOP, 'X-Request-Id'], 'drop'),
  ...spelled(['Content-Length'], 'length'),
  ...spelled(['Transfer-Encoding'], 'coding'),
  ...spelled(['Connection'], 'connection'),
  ...spelled(['Keep-Alive'], 'keep-alive'),
  ...spelled(['Set-Cookie'], 'cookie'),
  ...spelled(['Content-Type'], 'type'),
  ...spelled(['Content-Encoding'], 'encoding'),
  ...spelled(['Cache-Control'], 'caching'),
  ...spelled(
    ['Accept-Ranges', 'Date', 'ETag', 'Last-Modified', 'Location', 'Server', 'Vary'],
    'pass',
  ),
])
