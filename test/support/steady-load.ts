import { Agent, request } from 'node:http'

export type SteadyLoad = {
  readonly failures: readonly string[]
  readonly statuses: ReadonlyMap<number, number>
  answered(): number
  /** Ends it; resolves when the last answer has come. */
  stop(): Promise<void>
}

type Ask = {
  readonly port: number | (() => number)
  readonly path: string | (() => string)
  readonly headers?: Record<string, string>
  /** Called with each answer; what it returns is noted as a failure. */
  readonly judge?: (
    status: number,
    body: string,
    headers: NodeJS.Dict<string | string[]>,
  ) => string | undefined
}

/**
 * Clients that ask one thing after the other, each on a connection of its own (`kept`), or on a new one each time. What is
 * not answered in full is a failure; nobody tries again.
 */
export const steadyLoad = (
  { port, path, headers = {}, judge }: Ask,
  { kept = 0, fresh = 0, pause = 0 }: { kept?: number; fresh?: number; pause?: number },
): SteadyLoad => {
  const failures: string[] = []
  const statuses = new Map<number, number>()
  let answered = 0
  let stopped = false

  const once = (agent: Agent | false): Promise<void> =>
    new Promise((resolve) => {
      const note = (failure: string | undefined) => {
        if (failure !== undefined) failures.push(failure)
        resolve()
      }
      const to = typeof port === 'function' ? port() : port
      const url = typeof path === 'function' ? path() : path
      const req = request({ host: '127.0.0.1', port: to, path: url, headers, agent }, (res) => {
        let body = ''
        res.setEncoding('utf8')
        res.on('data', (chunk: string) => {
          body += chunk
        })
        res.on('error', (error) => note(`in the answer: ${error.message}`))
        res.on('end', () => {
          const status = res.statusCode ?? 0
          answered += 1
          statuses.set(status, (statuses.get(status) ?? 0) + 1)
          note(judge?.(status, body, res.headers))
        })
      })
      req.on('error', (error) => note(`${error.message} (${agent ? 'kept' : 'fresh'})`))
      req.end()
    })

  const client = async (agent: Agent | false): Promise<void> => {
    while (!stopped) {
      await once(agent)
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
    if (agent) agent.destroy()
  }
  const clients = [
    ...Array.from({ length: kept }, () => client(new Agent({ keepAlive: true, maxSockets: 1 }))),
    ...Array.from({ length: fresh }, () => client(false)),
  ]
  return {
    failures,
    statuses,
    answered: () => answered,
    async stop() {
      stopped = true
      await Promise.all(clients)
    },
  }
}
