/** One line of the Prometheus text format. */
export type ExposedValue = {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Reads the Prometheus text format, as far as it comes from here: no timestamps, no exemplars. */
export const readExposition = (text: string): readonly ExposedValue[] =>
  text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = LINE.exec(line) ?? []
    if (name === undefined || value === undefined) return []
    return [{ name, labels: labelsOf(labels), value: numberOf(value) }]
  })

const LINE = /^([a-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/i
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g

const labelsOf = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...text.matchAll(LABEL)].map(([, name = '', value = '']) => [name, unescaped(value)]),
  )

const unescaped = (value: string): string =>
  value.replace(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter))

const numberOf = (value: string): number =>
  value === '+Inf'
    ? Number.POSITIVE_INFINITY
    : value === '-Inf'
      ? Number.NEGATIVE_INFINITY
      : Number(value)
