import { type LookupAddress, lookup as lookUp } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'

/** Looks a name up, whole: `dns.lookup` with `all`, or what a test puts in its place. */
export type Resolve = (
  name: string,
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

export type Names = {
  /** For `net.connect`. */
  readonly lookup: LookupFunction
  /** Looks a name up again from time to time; `found` is told what it stands for now. An address is no name. */
  watch(name: string, found: (addresses: ReadonlySet<string>) => void): void
  close(): void
}

/**
 * Names of targets. Each connection looks its name up anew, one look-up of a name at a time, since they share four threads
 * with all else that waits. While names cannot be looked up, what they stood for last holds.
 */
export const createNames = (resolve: Resolve = resolveAll, seconds = LOOK_AGAIN): Names => {
  const pending = new Map<string, Promise<LookupAddress[]>>()
  const last = new Map<string, LookupAddress[]>()
  const watchers = new Map<string, ((addresses: ReadonlySet<string>) => void)[]>()
  let timer: NodeJS.Timeout | undefined

  const learn = (name: string, addresses: LookupAddress[]) => {
    last.set(name, addresses)
    const set = new Set(addresses.map(({ address }) => address))
    for (const found of watchers.get(name) ?? []) found(set)
  }
  const query = (name: string): Promise<LookupAddress[]> => {
    const running = pending.get(name)
    if (running !== undefined) return running
    const { promise, resolve: settle, reject } = Promise.withResolvers<LookupAddress[]>()
    pending.set(name, promise)
    resolve(name, (error, addresses) => {
      pending.delete(name)
      if (error === null && addresses.length > 0) learn(name, addresses)
      const known = last.get(name)
      if (known === undefined) reject(error ?? new Error(`${name} has no address`))
      else settle(known)
    })
    return promise
  }
  return {
    lookup(name, { all = false, family }, done) {
      query(name).then(
        (addresses) => {
          const wanted = addresses.filter((one) => !FAMILIES.has(family) || one.family === family)
          const [first] = wanted
          if (first === undefined) done(new Error(`${name} has no such address`), [])
          else if (all) done(null, wanted)
          else done(null, first.address, first.family)
        },
        (error) => done(error, []),
      )
    },
    watch(name, found) {
      if (isIP(name.replace(/[[\]]/g, ''))) return
      watchers.set(name, [...(watchers.get(name) ?? []), found])
      timer ??= setInterval(() => {
        for (const each of watchers.keys()) query(each).catch(() => {})
      }, seconds * 1000).unref()
    },
    close() {
      clearInterval(timer)
      watchers.clear()
    },
  }
}

const LOOK_AGAIN = 5

const FAMILIES: ReadonlySet<unknown> = new Set([4, 6])

const resolveAll: Resolve = (name, done) => lookUp(name, { all: true }, done)
