import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { WebSocketServer } from 'ws'

/** An upstream that streams whatever a test wants, and echoes on WebSockets. */
export type StreamingUpstream = {
  readonly port: number
  readonly origin: string
  /** Connections that are open now. */
  open(): number
  /** Answers that are under way. */
  readonly answers: ReadonlySet<ServerResponse>
  readonly sockets: WebSocketServer
  close(): Promise<void>
}

/** `answer` is given each request; what it leaves open stays open. */
export const startStreamingUpstream = async (
  answer: (req: IncomingMessage, res: ServerResponse) => void,
): Promise<StreamingUpstream> => {
  const answers = new Set<ServerResponse>()
  let open = 0
  const server = createServer((req, res) => {
    req.on('error', () => {})
    answers.add(res)
    res.once('close', () => answers.delete(res))
    answer(req, res)
  })
  server.on('connection', (socket) => {
    open += 1
    socket.once('close', () => {
      open -= 1
    })
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (peer) => {
    peer.on('error', () => {})
    peer.on('message', (data, binary) => peer.send(data, { binary }))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    open: () => open,
    answers,
    sockets,
    async close() {
      for (const peer of sockets.clients) peer.terminate()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Begins an event stream: the head, and an event each `every` milliseconds until it is closed. */
export const sendEvents = (res: ServerResponse, every: number): void => {
  res.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'X-Accel-Buffering': 'no',
  })
  res.flushHeaders()
  let sent = 0
  const timer = setInterval(() => {
    sent += 1
    res.write(`data: ${sent}\n\n`)
  }, every)
  res.once('close', () => clearInterval(timer))
}
