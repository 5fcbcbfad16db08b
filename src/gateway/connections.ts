/** A connection to a target; its client connects again by itself when the socket is gone. */
export type Connection<Client> = {
  readonly client: Client
  /** Requests that were answered on the socket it has now. */
  served: number
  /** Where that socket goes; undefined: not known, or nowhere in the network. */
  address: string | undefined
  /** That is no longer where the target is. */
  stale: boolean
}

export type Connections<Client> = {
  /** One that is free, the last used first; `fresh`: one without a past. */
  take(fresh: boolean): Connection<Client>
  release(connection: Connection<Client>): void
  /** Gives up those that go elsewhere, at once or when they are released. */
  retain(addresses: ReadonlySet<string>): void
  close(): Promise<void>
}

/** What is told about the socket of a client. */
export type Line = { connected(address: string | undefined): void; lost(): void }

type Closable = { destroy(): Promise<void> }

/**
 * The connections to one target, each for one request at a time. `open` makes one and tells of its sockets: one that is
 * lost while nobody uses it is forgotten, so that there are no more than were needed at once lately, and never over `most`
 * besides those in use.
 */
export const createConnections = <Client extends Closable>(
  most: number,
  open: (line: Line) => Client,
): Connections<Client> => {
  const all = new Set<Connection<Client>>()
  const free: Connection<Client>[] = []

  const add = (): Connection<Client> => {
    const connection: Connection<Client> = {
      client: open({
        connected(address) {
          connection.address = address
          connection.stale = false
        },
        lost: () => lose(connection),
      }),
      served: 0,
      address: undefined,
      stale: false,
    }
    all.add(connection)
    return connection
  }
  const lose = (connection: Connection<Client>) => {
    connection.served = 0
    connection.address = undefined
    connection.stale = false
    const at = free.indexOf(connection)
    if (at < 0) return
    free.splice(at, 1)
    drop(connection)
  }
  const drop = (connection: Connection<Client>) => {
    all.delete(connection)
    void connection.client.destroy()
  }
  return {
    take(fresh) {
      const taken = fresh ? undefined : free.pop()
      if (taken !== undefined) return taken
      const oldest = all.size < most ? undefined : free.shift()
      if (oldest !== undefined) drop(oldest)
      return add()
    },
    release(connection) {
      if (!all.has(connection)) return
      if (connection.stale) drop(connection)
      else free.push(connection)
    },
    retain(addresses) {
      for (const connection of all)
        connection.stale = connection.address !== undefined && !addresses.has(connection.address)
      for (const connection of free.filter(({ stale }) => stale)) {
        free.splice(free.indexOf(connection), 1)
        drop(connection)
      }
    },
    async close() {
      const clients = [...all].map(({ client }) => client)
      all.clear()
      free.length = 0
      await Promise.all(clients.map((client) => client.destroy()))
    },
  }
}
