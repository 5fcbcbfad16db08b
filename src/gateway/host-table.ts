/** What is configured by host, in the order in which a host should try it. */
export type HostTable<Entry> = {
  /** The first that `attempt` makes something of. */
  first<Found>(
    host: string | undefined,
    attempt: (entry: Entry) => Found | undefined,
  ): Found | undefined
}

/** The host itself goes before `*.example.com`, the longer of those first, and all before the entry of every host. */
export const createHostTable = <Entry>(
  entries: ReadonlyMap<string | undefined, Entry>,
): HostTable<Entry> => {
  const named = new Map<string, Entry>()
  const below = new Map<string, Entry>()
  for (const [host, entry] of entries) {
    if (host?.startsWith('*.')) below.set(host.slice(1), entry)
    else if (host !== undefined) named.set(host, entry)
  }
  const any = entries.get(undefined)
  const depth = Math.max(0, ...[...below.keys()].map((end) => end.split('.').length - 1))
  return {
    first(host, attempt) {
      if (host !== undefined && named.size + below.size > 0) {
        const name = hostname(host)
        const entry = named.get(name)
        const found = entry && attempt(entry)
        if (found !== undefined) return found
        const wider = depth === 0 ? undefined : firstBelow(below, depth, name, attempt)
        if (wider !== undefined) return wider
      }
      return any && attempt(any)
    },
  }
}

/** From the longest end that is configured, one look a label. A name with an empty label is below nothing. */
const firstBelow = <Entry, Found>(
  below: ReadonlyMap<string, Entry>,
  depth: number,
  name: string,
  attempt: (entry: Entry) => Found | undefined,
): Found | undefined => {
  if (name.includes('..')) return undefined
  let dot = name.length
  for (let label = 0; label < depth; label++) {
    const before = name.lastIndexOf('.', dot - 1)
    if (before <= 0) break
    dot = before
  }
  for (; dot > 0 && dot < name.length; dot = name.indexOf('.', dot + 1)) {
    const entry = below.get(name.slice(dot))
    const found = entry && attempt(entry)
    if (found !== undefined) return found
  }
  return undefined
}

/** Without the port and the dot of the root, in small letters. */
const hostname = (host: string): string => host.replace(PORT, '').replace(/\.$/, '').toLowerCase()

const PORT = /:[0-9]+$/
