import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../test/support/portcullis.ts'

/** Milliseconds until a process that was just spawned has come as far as `arrived` waits for. */
type Contender = { readonly name: string; run(): Promise<number> }

const ROUNDS = 15

const empty = (name: string, file: string): Contender => ({
  name,
  async run() {
    const started = performance.now()
    await once(spawn(process.execPath, [file], { stdio: 'ignore' }), 'exit')
    return performance.now() - started
  },
})

/** Until the public listener accepts a connection. */
const portcullis = (entry: string, configuration: string, port: number): Contender => ({
  name: entry,
  async run() {
    const file = fileURLToPath(new URL(`../${entry}`, import.meta.url))
    const started = performance.now()
    const child = spawn(process.execPath, [file, 'start', '--config', configuration], {
      stdio: 'ignore',
    })
    const ended = once(child, 'exit')
    while (!(await accepts(port))) {
      if (child.exitCode !== null) throw new Error(`${entry} ended with ${child.exitCode}`)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    const took = performance.now() - started
    child.kill('SIGINT')
    await ended
    return took
  },
})

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

const folder = await mkdtemp(join(tmpdir(), 'portcullis-start-'))
try {
  const port = await freePort()
  const configuration = join(folder, 'portcullis.yaml')
  await writeFile(
    configuration,
    `issuer: http://127.0.0.1:${port}
listen: 127.0.0.1:${port}
admin: { listen: '127.0.0.1:${await freePort()}' }
store: sqlite:portcullis.db
scopes: { orders.read: See your orders }
upstreams: { orders: http://127.0.0.1:9 }
routes: [{ path: /orders/*, upstream: orders, scope: orders.read }]
`,
  )
  await writeFile(join(folder, 'empty.mjs'), '')
  const contenders = [
    empty('an empty ES module', join(folder, 'empty.mjs')),
    portcullis('bin/portcullis.js', configuration, port),
    portcullis('src/main.ts', configuration, port),
  ]
  const took = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  for (let round = -2; round < ROUNDS; round++) {
    for (const { name, run } of contenders) {
      const ms = await run()
      // The first rounds fill the compile cache.
      if (round >= 0) took.get(name)?.push(ms)
    }
  }
  const base = median(took.get('an empty ES module') ?? [])
  console.log(`Until it listens, median of ${ROUNDS} interleaved starts\n`)
  for (const [name, values] of took) {
    const ms = median(values)
    console.log(
      `${name.padEnd(24)} ${ms.toFixed(0).padStart(5)} ms ${(ms / base).toFixed(2).padStart(6)} ×`,
    )
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
