import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAnswerReader } from '../src/gateway/http1/answer-reader.ts'
import { MalformedAnswer } from '../src/gateway/http1/malformed-answer.ts'

/** Reads `parts` as they come on a connection that a `method` was sent on. */
const read = (parts: readonly Buffer[], method = 'GET') => {
  const heads: { status: number; fields: readonly string[] }[] = []
  let body = ''
  let ends = 0
  const reader = createAnswerReader({
    interim: ({ status, fields }) => void heads.push({ status, fields: [...fields] }),
    head: ({ status, fields }) => void heads.push({ status, fields: [...fields] }),
    data(bytes) {
      body += bytes.toString('latin1')
    },
    ended() {
      ends += 1
    },
  })
  reader.expect(method)
  for (const part of parts) reader.read(part)
  const whole = reader.end()
  return { heads, body, ends, whole }
}

const bytes = (text: string) => Buffer.from(text, 'latin1')
const wrong = (text: string, method?: string) => () => read([bytes(text)], method)

const ANSWERS = [
  [
    'a length',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Name: a\r\nx-name: b\r\n\r\nhello',
    'hello',
  ],
  ['no body', 'HTTP/1.1 204 No Content\r\nETag: "1"\r\n\r\n', ''],
  ['304 with a length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n', ''],
  [
    'chunks, extensions and trailers',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;a="b"\r\nhe\r\n00A \r\nllo worlds\r\n0\r\nX: 1\r\n\r\n',
    'hello worlds',
  ],
  [
    'interim answers',
    'HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx',
    'x',
  ],
  ['no length', 'HTTP/1.1 200 OK\r\n\r\nuntil the end', 'until the end'],
] as const

describe('RFC 9112 answers of an upstream', () => {
  it.each(ANSWERS)('§6.3 %s: the same wherever the network splits it', (_, answer, body) => {
    const all = bytes(answer)
    const expected = read([all])
    expect(expected).toMatchObject({ body, ends: 1, whole: true })
    for (let at = 1; at < all.length; at++)
      expect(read([all.subarray(0, at), all.subarray(at)])).toEqual(expected)
    expect(read([...all].map((byte) => Buffer.from([byte])))).toEqual(expected)
  })

  it.each(ANSWERS)('§8 %s: cut short it is never whole', (name, answer) => {
    const head = answer.lastIndexOf('\r\n\r\n') + 4
    const all = bytes(answer)
    for (let at = 0; at < all.length; at++) {
      // What only the end of the connection ends is whole at any point of its body.
      if (name === 'no length' && at >= head) continue
      expect(read([all.subarray(0, at)]).whole).toBe(false)
    }
  })

  it('§6.3 the answer to HEAD has no body, whatever it says', () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'
    expect(read([bytes(head)], 'HEAD')).toMatchObject({ ends: 1, body: '' })
    expect(wrong(`${head}hello`, 'HEAD')).toThrow(MalformedAnswer)
  })

  it.each([
    ['§2.2 a bare LF at the end of a line', 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n'],
    ['§2.2 a bare CR in a value', 'HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n'],
    ['§4 another version', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['§4 a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['§4 no status', 'HTTP/1.1  OK\r\n\r\n'],
    ['§5.1 a space before the colon', 'HTTP/1.1 200 OK\r\nX : a\r\n\r\n'],
    ['§5.1 an empty name', 'HTTP/1.1 200 OK\r\n: a\r\n\r\n'],
    ['§5.2 a folded line', 'HTTP/1.1 200 OK\r\nX: a\r\n b: c\r\n\r\n'],
    [
      '§6.1 a coding beside a length',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n',
    ],
    ['§6.1 gzip, chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'],
    [
      '§6.1 chunked twice',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n',
    ],
    [
      '§6.2 the same length twice',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx',
    ],
    ['§6.2 two lengths in one field', 'HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx'],
    ['§6.2 a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
    ['§6.2 a length in another notation', 'HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello'],
    [
      '§6.2 a length beyond counting',
      `HTTP/1.1 200 OK\r\nContent-Length: ${'9'.repeat(16)}\r\n\r\n`,
    ],
    ['a second answer', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n'],
    ['101 that nobody asked for', 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n'],
    ['a head without an end', `HTTP/1.1 200 OK\r\n${'X: 1\r\n'.repeat(6000)}`],
  ])('%s is refused', (_, answer) => {
    expect(wrong(answer)).toThrow(MalformedAnswer)
  })

  it.each([
    ['no size', '\r\n'],
    ['a size with a sign', '+5\r\nhello\r\n0\r\n\r\n'],
    ['a size in another notation', '0x5\r\nhello\r\n0\r\n\r\n'],
    ['a size beyond counting', `${'f'.repeat(14)}\r\n`],
    ['a bare LF behind a size', '5\nhello\r\n0\r\n\r\n'],
    ['a bare LF behind the data', '5\r\nhello\n0\r\n\r\n'],
    ['more data than said', '5\r\nhello!\r\n0\r\n\r\n'],
    ['a control character in an extension', '5;a=\x00\r\nhello\r\n0\r\n\r\n'],
    ['a bare LF in an extension', '5;a\nb\r\nhello\r\n0\r\n\r\n'],
    ['extensions without an end', `5;${'a'.repeat(17_000)}\r\n`],
    ['trailers without an end', `0\r\n${'X: 1\r\n'.repeat(5000)}\r\n`],
  ])('§7.1 chunks with %s are refused', (_, body) => {
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
    expect(wrong(head + body)).toThrow(MalformedAnswer)
  })

  it('noise is an answer or a MalformedAnswer, and nothing else', () => {
    const piece = fc.oneof(
      fc.constantFrom('HTTP/1.1 200 OK\r\n', '\r\n', 'Content-Length: 3\r\n', 'X: y\r\n'),
      fc.constantFrom('Transfer-Encoding: chunked\r\n', '\r\n\r\n', '3\r\nabc\r\n', '0\r\n\r\n'),
      fc.string({ unit: 'binary', maxLength: 20 }),
    )
    fc.assert(
      fc.property(fc.array(fc.array(piece, { maxLength: 8 }), { maxLength: 4 }), (parts) => {
        try {
          const { ends } = read(parts.map((pieces) => bytes(pieces.join(''))))
          expect(ends).toBeLessThanOrEqual(1)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedAnswer)
        }
      }),
      { numRuns: 5000 },
    )
  })
})
