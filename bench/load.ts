import { execFile, execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** What a client did to a server. `failed`: answers that were not 2xx, and broken connections. */
export type Load = { readonly requests: number; readonly failed: number }

export type Client = {
  readonly name: string
  run(url: string, headers: readonly string[], seconds: number, connections?: number): Promise<Load>
}

export const CONNECTIONS = 32

/** wrk where it is installed, else autocannon; each run in a process of its own and limited in time. */
export const findClient = (): Client => (hasWrk() ? wrk : autocannon)

const hasWrk = (): boolean => {
  try {
    execFileSync('which', ['wrk'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const wrk: Client = {
  name: 'wrk',
  async run(url, headers, seconds, connections = CONNECTIONS) {
    const fields = headers.flatMap((header) => ['-H', header])
    const sizes = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`]
    const output = await outputOf('wrk', [...sizes, ...fields, url], seconds)
    const count = (pattern: RegExp) => Number(pattern.exec(output)?.[1] ?? 0)
    return {
      requests: count(/(\d+) requests in/),
      failed:
        count(/Non-2xx or 3xx responses: (\d+)/) +
        count(/connect (\d+)/) +
        count(/read (\d+)/) +
        count(/write (\d+)/) +
        count(/timeout (\d+)/),
    }
  },
}

const autocannon: Client = {
  name: 'autocannon',
  async run(url, headers, seconds, connections = CONNECTIONS) {
    const program = fileURLToPath(import.meta.resolve('autocannon'))
    const fields = headers.flatMap((header) => ['-H', header])
    const sizes = ['-c', String(connections), '-d', String(seconds), '--json', '--no-progress']
    const output = await outputOf(process.execPath, [program, ...sizes, ...fields, url], seconds)
    const result: { requests: { total: number }; non2xx: number; errors: number } =
      JSON.parse(output)
    return { requests: result.requests.total, failed: result.non2xx + result.errors }
  },
}

const outputOf = (program: string, args: readonly string[], seconds: number): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(program, args, { timeout: (seconds + 10) * 1000 }, (error, stdout) => {
      if (error) reject(error)
      else resolve(stdout)
    })
  })
