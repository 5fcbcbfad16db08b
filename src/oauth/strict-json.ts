/**
 * The members of a JSON object; undefined for text that is none, or in which any object names a member twice, since two
 * readers could then see two different objects (RFC 8259 §4).
 */
export const parseObject = (text: string): ReadonlyMap<string, unknown> | undefined => {
  const value = parsed(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return repeatsName(text) ? undefined : new Map(Object.entries(value))
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Of text that is JSON: what stands outside of strings and is none of these tokens has no say. */
const repeatsName = (text: string): boolean => {
  const open: Set<unknown>[] = []
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{') open.push(new Set())
    else if (token === '}') open.pop()
    else if (token.endsWith(':')) {
      const names = open.at(-1)
      const name = JSON.parse(token.slice(0, token.lastIndexOf('"') + 1))
      if (names?.has(name)) return true
      names?.add(name)
    }
  }
  return false
}

/** A brace, or a string and whether it is a name. */
const TOKEN = /[{}]|"(?:[^"\\]|\\.)*"(?:\s*:)?/g
