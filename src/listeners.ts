import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Config } from './config/config.ts'
import { type Listener, mostConnections, openListener } from './listener.ts'

/** Opens both, or neither. Throws a `Mistake` when an address cannot be bound. */
export const openListeners = async (
  config: Config,
  handlers: Parameters<typeof openListener>[1] & {
    admin: (req: IncomingMessage, res: ServerResponse) => void
  },
): Promise<{ main: Listener; admin: Listener }> => {
  const admin = await openListener(config.admin.listen, { request: handlers.admin })
  const most = mostConnections(config.limits.connections)
  const main = await openListener(config.listen, { ...handlers, most }).catch(
    async (error: unknown) => {
      await admin.drain({ idle: 0, limit: 0 })
      throw error
    },
  )
  return { main, admin }
}
