import { openRaw, type RawSocket } from './raw-sockets.ts'

/** An answer as its bytes came. */
export type RawAnswer = {
  readonly status: number
  readonly head: string
  readonly body: string
  /** Values of a field, in order. */
  values(name: string): string[]
  /** All bytes of the connection. */
  readonly bytes: string
}

/** Sends bytes on a connection of their own, waits for one whole answer (or the end) and closes. */
export const exchange = async (port: number, bytes: string | Buffer): Promise<RawAnswer> => {
  const client = await openRaw(port)
  client.send(bytes)
  const method = String(bytes).split(' ', 1)[0] ?? ''
  await answered(client, 1, method)
  const [answer] = answersIn(client.received(), [method])
  client.socket.destroy()
  if (answer === undefined) throw new Error(`no answer but ${JSON.stringify(client.received())}`)
  return answer
}

/** Waits until `count` whole answers have come, or the connection has ended. */
export const answered = (client: RawSocket, count: number, method = 'GET'): Promise<void> => {
  const methods = Array.from({ length: count }, () => method)
  const { socket } = client
  return new Promise((resolve, reject) => {
    const look = () => {
      if (client.state() === 'open' && answersIn(client.received(), methods).length < count) return
      clearTimeout(timer)
      socket.off('data', look).off('end', look).off('close', look)
      resolve()
    }
    const timer = setTimeout(
      () => reject(new Error(`in vain: ${count} answers, of ${JSON.stringify(client.received())}`)),
      10_000,
    )
    socket.on('data', look).on('end', look).on('close', look)
    look()
  })
}

/** The whole final answers in a stream of bytes. `methods`: of the requests, in order, where one is HEAD. */
export const answersIn = (bytes: string, methods: readonly string[] = []): RawAnswer[] => {
  const answers: RawAnswer[] = []
  let at = 0
  for (;;) {
    const end = bytes.indexOf('\r\n\r\n', at)
    if (end < 0) return answers
    const head = bytes.slice(at, end)
    const status = Number(head.slice(9, 12))
    if (status < 200) {
      at = end + 4
      continue
    }
    const bodiless = methods[answers.length] === 'HEAD' || status === 204 || status === 304
    const body = bodiless ? { text: '', length: 0 } : bodyOf(head, bytes.slice(end + 4))
    if (body === undefined) return answers
    at = end + 4 + body.length
    answers.push(parsed(status, head, body.text, bytes))
  }
}

const bodyOf = (head: string, rest: string): { text: string; length: number } | undefined => {
  const length = /^content-length: *(\d+)/im.exec(head)?.[1]
  if (length !== undefined) {
    return rest.length < Number(length)
      ? undefined
      : { text: rest.slice(0, Number(length)), length: Number(length) }
  }
  return /^transfer-encoding: *chunked/im.test(head) ? dechunk(rest) : undefined
}

/** Undefined as long as the last chunk is missing. */
export const dechunk = (rest: string): { text: string; length: number } | undefined => {
  let text = ''
  let at = 0
  for (;;) {
    const end = rest.indexOf('\r\n', at)
    if (end < 0) return undefined
    const size = Number.parseInt(rest.slice(at, end), 16)
    if (size === 0) return rest.length < end + 4 ? undefined : { text, length: end + 4 }
    if (rest.length < end + 4 + size) return undefined
    text += rest.slice(end + 2, end + 2 + size)
    at = end + 2 + size + 2
  }
}

const parsed = (status: number, head: string, body: string, bytes: string): RawAnswer => ({
  status,
  head,
  body,
  bytes,
  values: (name) =>
    head
      .split('\r\n')
      .slice(1)
      .filter((field) => field.slice(0, field.indexOf(':')).toLowerCase() === name.toLowerCase())
      .map((field) => field.slice(field.indexOf(':') + 1).trim()),
})

/** A request in bytes: `Host: gw` unless the fields name one. */
export const message = (line: string, fields: readonly string[] = [], body = ''): string => {
  const host = fields.some((field) => /^host:/i.test(field)) ? [] : ['Host: gw']
  return `${[`${line} HTTP/1.1`, ...host, ...fields].join('\r\n')}\r\n\r\n${body}`
}

export const bearer = (value: string): string => `Authorization: Bearer ${value}`
