/** The version that a change is made of, from If-Match; undefined for `*`: whatever stands. */
export const versionIn = (field: string | undefined): string | undefined => {
  if (field === undefined || field.trim() === '*') return undefined
  return /^\s*(?:W\/)?"(.*)"\s*$/.exec(field)?.[1] ?? ''
}
