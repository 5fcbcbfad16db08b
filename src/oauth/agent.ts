/**
 * A browser in a few words, for the person who used it: `Firefox on Linux`. From `User-Agent`, which says what it likes; what
 * is not recognised is not repeated.
 */
export const agentOf = (header: string): string => {
  const browser = nameIn(header, BROWSERS) ?? 'A program'
  const system = nameIn(header, SYSTEMS)
  return system === undefined ? browser : `${browser} on ${system}`
}

const nameIn = (
  header: string,
  names: readonly (readonly [RegExp, string])[],
): string | undefined => names.find(([pattern]) => pattern.test(header))?.[1]

// Most claim to be others as well: the first that fits is meant.
const BROWSERS = [
  [/\bEdg(e|A|iOS)?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/(Chrome|CriOS|Chromium)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
] as const

const SYSTEMS = [
  [/\b(iPhone|iPad)\b/, 'iOS'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
] as const
