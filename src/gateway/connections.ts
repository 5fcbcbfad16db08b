import { type Connection, type ConnectionListener, openConnection } from './http1/connection.ts'
import type { Dialer } from './http1/dialer.ts'

export type Connections<Owner> = {
  /** One that is free, the last used first, or a new one; `fresh`: one without a past. */
  take(fresh: boolean): Connection<Owner>
  /** Gives up those that go elsewhere, at once or when they are free. */
  retain(addresses: ReadonlySet<string>): void
  /** Gives up those that have idled for long. To be called each second. */
  tick(): void
  close(): void
}

/**
 * The connections to one target: no more than were needed at once lately, and never over `most` besides those in use.
 * One that idles is given up after some seconds, and before the other side does so by its own words
 * (`Keep-Alive: timeout=5`), so that no request is written to what is being closed.
 */
export const createConnections = <Owner>(
  most: number,
  dial: Dialer,
  listener: ConnectionListener<Owner>,
): Connections<Owner> => {
  const all = new Set<Connection<Owner>>()
  /** The longest idle first, with the second since when. */
  const free: { readonly connection: Connection<Owner>; readonly since: number }[] = []
  let second = 0

  const forget = (connection: Connection<Owner>) => {
    all.delete(connection)
    const at = free.findLastIndex((one) => one.connection === connection)
    if (at >= 0) free.splice(at, 1)
  }
  const pool = {
    free: (connection: Connection<Owner>) => void free.push({ connection, since: second }),
    lost: forget,
  }
  const open = (): Connection<Owner> => {
    const connection = openConnection(dial, listener, pool)
    all.add(connection)
    return connection
  }
  const isOver = ({ connection, since }: (typeof free)[number]) =>
    second - since >= Math.min(LONGEST, (connection.keepAlive ?? USUAL + 1) - 1)

  return {
    take(fresh) {
      const taken = fresh ? undefined : free.pop()
      if (taken !== undefined) return taken.connection
      if (all.size >= most) free[0]?.connection.destroy()
      return open()
    },
    retain(addresses) {
      for (const connection of all)
        connection.stale = connection.address !== undefined && !addresses.has(connection.address)
      for (const { connection } of free.filter((one) => one.connection.stale)) connection.destroy()
    },
    tick() {
      second += 1
      for (const { connection } of free.filter(isOver)) connection.destroy()
    },
    close() {
      for (const connection of [...all]) connection.destroy()
    },
  }
}

/** Seconds that servers keep what idles at the least; some close after five without a word. */
const USUAL = 4

/** Whatever the other side says. */
const LONGEST = 60
