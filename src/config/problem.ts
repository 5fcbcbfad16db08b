/** Something in a configuration that is wrong (or, as a warning, unwise), and where. Lines and columns start at 1. */
export type Problem = {
  readonly file: string
  readonly line: number
  readonly column: number
  /** `routes[2].upstream`; empty where it is about the file as a whole. */
  readonly path: string
  readonly message: string
}

/** Keys and indexes from the root of the file to a value. */
export type Path = readonly (string | number)[]

/** Takes what the checks find. */
export type Report = {
  problem(path: Path, message: string, at?: Place | undefined): void
  warning(path: Path, message: string, at?: Place | undefined): void
  /** The line of the value at a path, for messages that name another place. */
  line(path: Path): number
}

/** Where to point, if not to the value: to its key, or to another value because this one is missing. */
export type Place = 'key' | Path

/** `FILE:LINE:COLUMN path.to.key: what is wrong` */
export const formatProblem = ({ file, line, column, path, message }: Problem): string =>
  `${file}:${line}:${column}${path === '' ? '' : ` ${path}`}: ${message}`

export const formatPath = (path: Path): string =>
  path
    .map((step, depth) => {
      if (typeof step === 'number') return `[${step}]`
      if (!PLAIN_KEY.test(step)) return `[${JSON.stringify(step)}]`
      return depth === 0 ? step : `.${step}`
    })
    .join('')

const PLAIN_KEY = /^[\w-]+$/

/** What a value's own parser throws; the message reads on after the path: `must …`, `is …`. Never quotes a secret. */
export class Wrong extends Error {
  override readonly name = 'Wrong'
  /** True when the value is of a kind that the parser does not take at all: a list in place of text. */
  readonly kind: boolean

  constructor(message: string, kind = false) {
    super(message)
    this.kind = kind
  }
}

/** The value that `parse` makes of it; undefined when `parse` finds it wrong (its problem is reported elsewhere). */
export const attempt = <T>(parse: () => T): T | undefined => {
  try {
    return parse()
  } catch (error) {
    if (error instanceof Wrong) return undefined
    throw error
  }
}
