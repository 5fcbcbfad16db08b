import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// Before anything else is loaded. Beside our own dependencies, not in a temporary folder that others may write to.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/portcullis', import.meta.url)))

/** Errors that whoever runs the program can mend: their message is all there is to say. */
const MENDABLE = new Set(['Mistake', 'StoreRefused'])

// It would end a process that only asks itself to read its file, until `start` listens to it.
if (process.argv[2] === 'start') process.on('SIGHUP', () => {})

const { run } = await import('./cli/run.ts')

try {
  const code = await run(process.argv.slice(2), {
    env: process.env,
    // Node opens each at its first use, and what it needs for that is not small.
    get stdin() {
      return process.stdin
    },
    get stdout() {
      return process.stdout
    },
    get stderr() {
      return process.stderr
    },
    onSignal(signal, listener) {
      process.on(signal, listener)
      return () => process.off(signal, listener)
    },
    onFailure(listener) {
      process.on('unhandledRejection', (error) => listener('unhandledRejection', error))
      process.on('uncaughtException', (error) => listener('uncaughtException', error))
    },
  })
  process.exit(code)
} catch (error) {
  const mendable = error instanceof Error && MENDABLE.has(error.name)
  const text = error instanceof Error ? (mendable ? error.message : error.stack) : String(error)
  process.stderr.write(`portcullis: ${text}\n`)
  process.exit(1)
}
