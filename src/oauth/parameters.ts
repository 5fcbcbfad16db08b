import { invalidRequest } from './errors.ts'

/**
 * The parameters of a request (RFC 6749 §3.1, §3.2). A parameter with an empty value counts as absent, an unknown one is
 * never looked at, and one that is repeated or cannot be decoded is flawed: it has no value.
 */
export type Parameters = {
  get(name: string): string | undefined
  /** Every value of a parameter that may be repeated. */
  all(name: string): readonly string[]
  flawed(name: string): boolean
  /** Throws `invalid_request` when any parameter is flawed. */
  refuseFlaws(): void
}

const MOST_PARAMETERS = 100

/**
 * Reads forms and queries as URLSearchParams would, except that what does not decode to clean text is an error and not
 * a replacement character. A name that stands in two sources is repeated. Throws `invalid_request` above 100 parameters.
 */
export const parseParameters = (
  sources: readonly string[],
  repeatable: ReadonlySet<string> = NONE,
): Parameters => {
  const pairs = sources.flatMap((source) => source.split('&')).filter((pair) => pair !== '')
  if (pairs.length > MOST_PARAMETERS) throw invalidRequest('too many parameters')
  const values = new Map<string, string[]>()
  const flawed = new Set<string>()
  for (const pair of pairs) {
    const [name, value] = decodedPair(pair)
    const known = values.get(name)
    if (value === undefined || (known && !repeatable.has(name))) flawed.add(name)
    if (known) known.push(value ?? '')
    else values.set(name, [value ?? ''])
  }
  const all = (name: string) =>
    flawed.has(name) ? [] : (values.get(name) ?? []).filter((value) => value !== '')
  return {
    get: (name) => all(name)[0],
    all,
    flawed: (name) => flawed.has(name),
    refuseFlaws() {
      if (flawed.size > 0) throw invalidRequest(FLAWED)
    },
  }
}

const FLAWED = 'a parameter is repeated or not well-formed'

const NONE: ReadonlySet<string> = new Set()

/**
 * The parameters of a request, by the form that was posted (if one was) and the query. Credentials never count in the query of
 * a back-channel request (RFC 6749 §2.3.1, §3.2), but a name that stands there as well as in the form is a repeated one.
 */
export const readParameters = (
  posted: string | undefined,
  query: string,
  { repeatable, lenient }: { repeatable?: ReadonlySet<string>; lenient?: boolean },
): Parameters => {
  const form = posted === undefined ? [] : [posted]
  const everything = parseParameters([...form, query], repeatable)
  if (lenient) return everything
  everything.refuseFlaws()
  return form.length > 0 && query !== '' ? parseParameters(form, repeatable) : everything
}

/** A name that does not decode is kept as it came: it is none that we know, and it is flawed. */
const decodedPair = (pair: string): readonly [string, string | undefined] => {
  const equals = pair.indexOf('=')
  const rawName = equals < 0 ? pair : pair.slice(0, equals)
  const name = formDecoded(rawName)
  const value = equals < 0 ? '' : formDecoded(pair.slice(equals + 1))
  return name === undefined ? [rawName, undefined] : [name, value]
}

/** The text of a form-encoded value; undefined when it is not UTF-8, holds a control character or a bad escape. */
export const formDecoded = (encoded: string): string | undefined => {
  if (PLAIN.test(encoded)) return encoded
  try {
    const text = decodeURIComponent(encoded.replaceAll('+', ' '))
    return CONTROL.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

/** Stands for itself, as most of it does. */
const PLAIN = /^[A-Za-z0-9_.~:/-]*$/

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/
