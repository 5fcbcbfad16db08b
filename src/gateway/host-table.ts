import type { PathTable } from './path-table.ts'

/** Finds what belongs to a host and a path. */
export type HostTable<Found> = { find(host: string | undefined, key: string): Found | undefined }

/**
 * The host itself goes before `*.example.com`, the longer of those first, and all before what belongs to every host. One that
 * does not have the path does not hide the next.
 */
export const createHostTable = <Found>(
  tables: ReadonlyMap<string | undefined, PathTable<Found>>,
): HostTable<Found> => {
  const named = new Map<string, PathTable<Found>>()
  const below = new Map<string, PathTable<Found>>()
  for (const [host, table] of tables) {
    if (host?.startsWith('*.')) below.set(host.slice(1), table)
    else if (host !== undefined) named.set(host, table)
  }
  const any = tables.get(undefined) ?? EMPTY
  if (named.size + below.size === 0) return { find: (_, key) => any.find(key) }
  const depth = Math.max(0, ...[...below.keys()].map((end) => end.split('.').length - 1))
  return {
    find(host, key) {
      if (host === undefined) return any.find(key)
      const name = hostname(host)
      return (
        named.get(name)?.find(key) ??
        (depth === 0 ? undefined : findBelow(below, depth, name, key)) ??
        any.find(key)
      )
    },
  }
}

const EMPTY: PathTable<never> = { find: () => undefined }

/** From the longest end that is configured, one look a label. A name with an empty label is below nothing. */
const findBelow = <Found>(
  below: ReadonlyMap<string, PathTable<Found>>,
  depth: number,
  name: string,
  key: string,
): Found | undefined => {
  if (name.includes('..')) return undefined
  let dot = name.length
  for (let label = 0; label < depth; label++) {
    const before = name.lastIndexOf('.', dot - 1)
    if (before <= 0) break
    dot = before
  }
  for (; dot > 0 && dot < name.length; dot = name.indexOf('.', dot + 1)) {
    const found = below.get(name.slice(dot))?.find(key)
    if (found !== undefined) return found
  }
  return undefined
}

/** Without the port and the dot of the root, in small letters. */
const hostname = (host: string): string => host.replace(PORT, '').replace(/\.$/, '').toLowerCase()

const PORT = /:[0-9]+$/
