import type { IncomingHttpHeaders, RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { createAuthority } from './certificates.ts'

/** A host on loopback that clients publish documents at, by https. */
export type DocumentHost = {
  readonly port: number
  /** Of the authority that its certificate is from, as PEM. */
  readonly ca: string
  /** What was asked of it, in order, and by which name (SNI). */
  readonly asked: readonly { readonly name: unknown; readonly headers: IncomingHttpHeaders }[]
  /** Connections, were nothing asked on them. */
  connections(): number
  answer: RequestListener
  stop(): Promise<void>
}

/** `names` as in subjectAltName. */
export const startDocumentHost = async (
  names = 'DNS:localhost,DNS:keys.example,IP:127.0.0.1',
): Promise<DocumentHost> => {
  const authority = createAuthority()
  const asked: { name: unknown; headers: IncomingHttpHeaders }[] = []
  let connections = 0
  const server = createServer(authority.issue(names), (req, res) => {
    asked.push({ name: (req.socket as TLSSocket).servername, headers: req.headers })
    host.answer(req, res)
  })
  server.on('connection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const host: DocumentHost = {
    port: (server.address() as AddressInfo).port,
    ca: authority.ca,
    asked,
    connections: () => connections,
    answer: json({ keys: [] }),
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return host
}

export const json =
  (value: unknown, headers: Record<string, string> = {}): RequestListener =>
  (_, res) =>
    res
      .writeHead(200, { 'Content-Type': 'application/json', ...headers })
      .end(typeof value === 'string' ? value : JSON.stringify(value))
