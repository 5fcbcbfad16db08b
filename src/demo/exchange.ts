import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { Config } from '../config/config.ts'

/** One HTTP message as it went over the wire; `start` is its first line. */
export type Message = {
  readonly start: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
  /** Header fields that do not matter here, shown apart. */
  readonly incidental?: Message['headers']
}

export type Exchange = {
  readonly from: string
  readonly to: string
  readonly url: string
  readonly method: string
  readonly request: Message
  readonly response: Message
  readonly status: number
}

type Outgoing = {
  readonly method: 'GET' | 'POST'
  /** Path and query on the gateway. */
  readonly target: string
  readonly headers?: Readonly<Record<string, string>>
  readonly form?: Readonly<Record<string, string>>
}

/** Sends a request and resolves to what went over the wire, both ways. Rejects when no answer came. */
export type Call = (outgoing: Outgoing) => Promise<Exchange>

/** Who it is that calls: as people read it, and as User-Agent. */
type Caller = { readonly name: string; readonly agent: string }

const DEMO: Caller = { name: 'Demo application', agent: 'portcullis-demo' }
const PATIENCE = 10_000
const LARGEST_BODY = 65_536

/**
 * Calls the gateway like a stranger on another machine: over HTTP, on the listener that the issuer names. Every header is
 * given here, so that none is added on the way out and the record is the whole truth.
 */
export const createCall = (
  config: Pick<Config, 'issuer' | 'listen'>,
  caller: Caller = DEMO,
): Call => {
  const { origin, host, port } = new URL(config.issuer)
  const address = {
    host: loopback(config.listen.host),
    port: config.listen.port || Number(port || 80),
  }
  return async (outgoing) => {
    const body = outgoing.form === undefined ? '' : String(new URLSearchParams(outgoing.form))
    const headers = outgoingHeaders(host, caller.agent, outgoing, body)
    const answer = await send({ ...address, outgoing, headers, body })
    return {
      from: caller.name,
      to: 'Portcullis',
      url: origin + outgoing.target,
      method: outgoing.method,
      request: {
        start: `${outgoing.method} ${outgoing.target} HTTP/1.1`,
        headers: Object.entries(headers),
        body,
      },
      response: answer.message,
      status: answer.status,
    }
  }
}

/** Names and values in pairs, from the flat list that node:http gives. */
export const headerPairs = (rawHeaders: readonly string[]): [string, string][] =>
  rawHeaders.flatMap((name, index) =>
    index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ''] as [string, string]] : [],
  )

const loopback = (host: string): string =>
  host === '::' ? '::1' : host === '0.0.0.0' ? '127.0.0.1' : host

const outgoingHeaders = (
  host: string,
  agent: string,
  { headers, form }: Outgoing,
  body: string,
): Record<string, string> => ({
  Host: host,
  'User-Agent': agent,
  Accept: 'application/json',
  ...headers,
  ...(form !== undefined && {
    'Content-Type': 'application/x-www-form-urlencoded',
    'Content-Length': String(Buffer.byteLength(body)),
  }),
  Connection: 'close',
})

const send = (p: {
  readonly host: string
  readonly port: number
  readonly outgoing: Outgoing
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}): Promise<{ message: Message; status: number }> =>
  new Promise((resolve, reject) => {
    const { host, port, outgoing, headers } = p
    const req = httpRequest(
      {
        host,
        port,
        method: outgoing.method,
        path: outgoing.target,
        headers,
        agent: false,
        signal: AbortSignal.timeout(PATIENCE),
      },
      (res) => {
        readAnswer(res).then(resolve, reject)
      },
    )
    req.on('error', reject)
    req.end(p.body)
  })

const readAnswer = async (res: IncomingMessage): Promise<{ message: Message; status: number }> => {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of res) {
    size += chunk.length
    if (size > LARGEST_BODY) throw new Error(`the answer is longer than ${LARGEST_BODY} bytes`)
    chunks.push(chunk)
  }
  const status = res.statusCode ?? 0
  return {
    status,
    message: {
      start: `HTTP/${res.httpVersion} ${status} ${res.statusMessage}`,
      headers: headerPairs(res.rawHeaders),
      body: Buffer.concat(chunks).toString('utf8'),
    },
  }
}
