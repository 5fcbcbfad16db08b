import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { denyUpgrade } from '../../src/gateway/deny-upgrade.ts'
import { createUpgrader } from '../../src/gateway/upgrade.ts'
import type {
  UpgradeHooks,
  UpgradeOutcome,
  UpgradeTarget,
} from '../../src/gateway/upgrade-reply.ts'
import type { Tunnel } from '../../src/gateway/websocket-tunnel.ts'
import { silentLog } from '../../src/telemetry/log.ts'

export type UpgradeGatewayOptions = {
  readonly target?: Partial<UpgradeTarget>
  readonly timeout?: Partial<UpgradeTarget['timeout']>
  readonly responseHeaders?: (status: number, rawHeaders: readonly string[]) => readonly string[]
  readonly retry?: UpgradeHooks['retry']
  /** Handles what is not an upgrade; the answer never comes unless it writes one. */
  readonly request?: Parameters<typeof createServer>[1]
}

/** The upgrader behind a plain server, with nothing of the gateway around it. */
export const startUpgradeGateway = async (
  upstreamPort: number,
  options: UpgradeGatewayOptions = {},
) => {
  const upgrader = createUpgrader({ log: silentLog })
  await upgrader.warm()
  const outcomes: UpgradeOutcome[] = []
  const tunnels: Tunnel[] = []
  const sockets = new Set<Duplex>()
  const upgrade = (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    tunnels.push(
      upgrader.forward(
        req,
        socket,
        head,
        {
          origin: `http://127.0.0.1:${upstreamPort}`,
          path: req.url ?? '/',
          headers: ['Host', 'orders.internal', 'X-Auth-Subject', 'ada'],
          ...options.target,
          timeout: timeoutOf(options),
        },
        {
          responseHeaders: options.responseHeaders ?? ((_, rawHeaders) => rawHeaders),
          refuse: ({ status, description, headers }) =>
            denyUpgrade(
              socket,
              status,
              [...headers, 'Content-Type', 'application/json'],
              JSON.stringify({ error_description: description }),
            ),
          ...(options.retry && { retry: options.retry }),
          done: (outcome) => outcomes.push(outcome),
        },
      ),
    )
  }
  const server = createServer(options.request ?? ((_, res) => res.end('plain')))
  server.on('upgrade', upgrade)
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    outcomes,
    tunnels,
    upgrader,
    open: () => sockets.size,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

export const timeoutOf = ({ timeout }: UpgradeGatewayOptions): UpgradeTarget['timeout'] => ({
  connect: 2,
  response: 5,
  idle: 60,
  ...timeout,
})
