import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'

/** An event stream as a reader of Server-sent events (HTML §9.2) sees it, without coming again by itself. */
export type EventStream = {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  /** The data of the events that came whole. */
  readonly events: readonly string[]
  /** Resolves when it is over: `clean` at the end of the body, `cut` without one. */
  readonly over: Promise<'clean' | 'cut'>
  /** Resolves when so many events have come in all. */
  count(events: number): Promise<void>
  leave(): void
}

/** Opens an event stream, on a connection of its own. Resolves when the head of the answer is there. */
export const openEvents = async (
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<EventStream> => {
  const agent = new Agent({ keepAlive: false })
  const request = get(url, { agent, headers: { Accept: 'text/event-stream', ...headers } })
  const [response]: IncomingMessage[] = await once(request, 'response')
  if (response === undefined) throw new Error('no answer')
  request.on('error', () => {})
  const events: string[] = []
  let waiting: (() => void)[] = []
  let text = ''
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    const blocks = (text + chunk).split('\n\n')
    text = blocks.pop() ?? ''
    events.push(...blocks.flatMap((block) => /^data: (.*)$/m.exec(block)?.[1] ?? []))
    for (const tell of waiting.splice(0)) tell()
  })
  response.on('error', () => {})
  const over = new Promise<'clean' | 'cut'>((resolve) =>
    response.once('close', () => {
      resolve(response.complete ? 'clean' : 'cut')
      for (const tell of waiting.splice(0)) tell()
      waiting = []
    }),
  )
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    events,
    over,
    async count(wanted) {
      while (events.length < wanted) {
        if (response.destroyed) throw new Error(`over after ${events.length} of ${wanted} events`)
        await new Promise<void>((resolve) => waiting.push(resolve))
      }
    },
    leave: () => request.destroy(),
  }
}
