/** What a figure is wanted to be. */
export type Aim = { readonly sign: '<=' | '<' | '>='; readonly wanted: number }

export const isMet = (value: number, { sign, wanted }: Aim): boolean => {
  if (sign === '>=') return value >= wanted
  return sign === '<' ? value < wanted : value <= wanted
}

/** `<= 0.5, met`. */
export const verdict = (value: number, aim: Aim): string =>
  `${aim.sign} ${aim.wanted}, ${isMet(value, aim) ? 'met' : 'NOT MET'}`

/** Of any number of values, in any order. */
export const median = (values: readonly number[]): number =>
  values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN
