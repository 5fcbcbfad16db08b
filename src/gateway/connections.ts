/** A connection to a target; its client connects again by itself when the socket is gone. */
export type Connection<Client> = {
  readonly client: Client
  /** Requests that were answered on the socket it has now. */
  served: number
}

export type Connections<Client> = {
  /** One that is free, the last used first; `fresh`: one without a past. */
  take(fresh: boolean): Connection<Client>
  release(connection: Connection<Client>): void
  close(): Promise<void>
}

type Closable = { destroy(): Promise<void> }

/**
 * The connections to one target, each for one request at a time. `open` makes one and calls `lost` when its socket is gone:
 * one that is lost while nobody uses it is forgotten, so that there are no more than were needed at once lately.
 */
export const createConnections = <Client extends Closable>(
  open: (lost: () => void) => Client,
): Connections<Client> => {
  const all = new Set<Connection<Client>>()
  const free: Connection<Client>[] = []

  const add = (): Connection<Client> => {
    const connection: Connection<Client> = { client: open(() => lose(connection)), served: 0 }
    all.add(connection)
    return connection
  }
  const lose = (connection: Connection<Client>) => {
    connection.served = 0
    const at = free.indexOf(connection)
    if (at < 0) return
    free.splice(at, 1)
    all.delete(connection)
    void connection.client.destroy()
  }
  return {
    take: (fresh) => (fresh ? undefined : free.pop()) ?? add(),
    release(connection) {
      if (all.has(connection)) free.push(connection)
    },
    async close() {
      const clients = [...all].map(({ client }) => client)
      all.clear()
      free.length = 0
      await Promise.all(clients.map((client) => client.destroy()))
    },
  }
}
