import { type RawSocket, startRawServer } from './raw-sockets.ts'

/** A request as its bytes came, cut where its framing ends. */
export type RecordedRequest = {
  /** Start line and fields, without the empty line. */
  readonly head: string
  /** As it came: chunks and all. */
  readonly body: string
  readonly line: string
  /** Values of a field, in order, in lower-case names. */
  values(name: string): string[]
}

export type RecordingUpstream = {
  readonly port: number
  readonly origin: string
  /** Every request that came whole, over all connections, in order. */
  readonly requests: readonly RecordedRequest[]
  readonly connections: readonly RawSocket[]
  /** Connections that are open now. */
  open(): number
  close(): Promise<void>
}

export const ok = (body = 'ok', fields = ''): string =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${fields}\r\n${body}`

/**
 * An upstream made of bytes: it records what comes, byte for byte, and answers each whole request with what `answer` gives;
 * undefined: nothing, and what `answer` did itself stands.
 */
export const startRecordingUpstream = async (
  answer: (request: RecordedRequest, connection: RawSocket) => string | Buffer | undefined = () =>
    ok(),
): Promise<RecordingUpstream> => {
  const requests: RecordedRequest[] = []
  const server = await startRawServer(
    (connection) => {
      let done = 0
      connection.socket.on('data', () => {
        for (;;) {
          const found = nextRequest(connection.received(), done)
          if (found === undefined) return
          done = found.end
          requests.push(found.request)
          const bytes = answer(found.request, connection)
          if (bytes !== undefined) connection.send(bytes)
        }
      })
      connection.socket.on('end', () => connection.socket.end())
    },
    { afterHead: false },
  )
  return { ...server, requests, origin: `http://127.0.0.1:${server.port}` }
}

const nextRequest = (
  text: string,
  from: number,
): { request: RecordedRequest; end: number } | undefined => {
  const at = text.indexOf('\r\n\r\n', from)
  if (at < 0) return undefined
  const head = text.slice(from, at)
  const length = bodyLength(head, text.slice(at + 4))
  if (length === undefined) return undefined
  const end = at + 4 + length
  return { request: recorded(head, text.slice(at + 4, end)), end }
}

const recorded = (head: string, body: string): RecordedRequest => {
  const [line = '', ...fields] = head.split('\r\n')
  return {
    head,
    body,
    line,
    values: (name) =>
      fields
        .map((field) => [field.slice(0, field.indexOf(':')), field.slice(field.indexOf(':') + 1)])
        .filter(([found = '']) => found.toLowerCase() === name.toLowerCase())
        .map(([, value = '']) => value.trim()),
  }
}

const bodyLength = (head: string, rest: string): number | undefined => {
  if (/^transfer-encoding:/im.test(head)) {
    const end = /(?:^|\r\n)0\r\n\r\n/.exec(rest)
    return end === null ? undefined : end.index + end[0].length
  }
  const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
  return rest.length < length ? undefined : length
}
