import type { ErrorCode } from 'yaml'

/**
 * What is wrong with the YAML at an offset, in words that repeat nothing of the text: a mistyped line may hold a secret.
 */
export const yamlMistake = (code: ErrorCode, text: string, offset: number): string => {
  const line = lineAround(text, offset)
  // The two traps of this file format: ${…} and [::1] mean something else to YAML where they stand unquoted.
  if (/^[^#'"]*[[{,].*\$\{/.test(line) && FLOW.has(code))
    return 'is not valid YAML: inside { } and [ ], put quotes around a value with ${'
  if (/:\s+\[[\da-f:]*\]:\d+/i.test(line))
    return 'is not valid YAML: put quotes around an IPv6 address, "[::1]:8080"'
  return `is not valid YAML: ${WORDS[code] ?? 'something here does not belong'}`
}

const lineAround = (text: string, offset: number): string => {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  const end = text.indexOf('\n', offset)
  return text.slice(start, end === -1 ? undefined : end)
}

const FLOW: ReadonlySet<ErrorCode> = new Set(['UNEXPECTED_TOKEN', 'MISSING_CHAR', 'BAD_INDENT'])

const WORDS: Partial<Record<ErrorCode, string>> = {
  BAD_ALIAS: 'a value that begins with * or & needs quotes',
  BAD_DIRECTIVE: 'a line that begins with % needs quotes',
  BAD_DQ_ESCAPE: 'in double quotes a backslash begins an escape; use single quotes',
  BAD_INDENT: 'the line is not indented like its neighbours',
  BAD_SCALAR_START: 'a value that begins with @ or ` needs quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second key on one line, or a value with ": " that needs quotes',
  BLOCK_IN_FLOW: 'a block within { } or [ ]',
  DUPLICATE_KEY: 'a key is given twice',
  KEY_OVER_1024_CHARS: 'a key is too long',
  MISSING_CHAR: 'a closing quote, bracket, comma or colon is missing',
  MULTILINE_IMPLICIT_KEY: 'the line has no colon, or is not indented like its neighbours',
  MULTIPLE_ANCHORS: 'two anchors on one value',
  MULTIPLE_DOCS: 'a second document begins here (---)',
  MULTIPLE_TAGS: 'two tags on one value',
  RESOURCE_EXHAUSTION: 'it is nested too deeply',
  TAB_AS_INDENT: 'a tab cannot indent, use spaces',
  TAG_RESOLVE_FAILED: 'tags are not understood; a value that begins with ! needs quotes',
  UNEXPECTED_TOKEN: 'something here does not belong',
}
