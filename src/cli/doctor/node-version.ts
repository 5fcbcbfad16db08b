import { type Finding, ok, problem, warning } from './finding.ts'

/**
 * Versions with holes that are known. CVE-2026-111497: the Brotli decoder writes out of bounds; mended in 24.22.1 and 26.12.1,
 * and never in 25, which ended before.
 */
export const examineNode = (check: string, version: string): Finding => {
  const [major = 0, minor = 0, patch = 0] = version.replace(/^v/, '').split('.').map(Number)
  if (isBelow([major, minor, patch], FLOOR))
    return problem(
      check,
      `Node ${version} is older than what Portcullis needs`,
      `Install Node ${MENDED.get(24)?.join('.')} or newer.`,
    )
  const mended = MENDED.get(major)
  const isOpen = mended === undefined ? major === 25 : isBelow([major, minor, patch], mended)
  if (!isOpen) return ok(check, `Node ${version} has no hole that is known here`)
  return warning(
    check,
    `Node ${version} has CVE-2026-111497 (Brotli decoder). Portcullis is not exposed, as it decompresses nothing that anybody sends`,
    `Install Node ${(mended ?? [26, 12, 1]).join('.')} or newer at the next occasion.`,
  )
}

type Version = readonly [major: number, minor: number, patch: number]

const FLOOR: Version = [24, 15, 0]

const MENDED: ReadonlyMap<number, Version> = new Map([
  [24, [24, 22, 1]],
  [26, [26, 12, 1]],
])

const isBelow = (version: Version, other: Version): boolean => {
  const at = version.findIndex((number, index) => number !== other[index])
  return at >= 0 && (version[at] ?? 0) < (other[at] ?? 0)
}
