/** The version that a change is made of, from If-Match; undefined for `*`: whatever stands. */
export const versionIn = (field: string | undefined): string | undefined => {
  if (field === undefined || field.trim() === '*') return undefined
  // RFC 9110 §13.1.1: a weak one matches nothing; of ours none is weak, but proxies that compress weaken them.
  return /^\s*(?:W\/)?"([^"]*)"\s*$/.exec(field)?.[1] ?? ''
}
