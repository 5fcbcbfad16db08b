import cluster from 'node:cluster'
import type { Terminal } from './terminal.ts'

/**
 * Runs one command line; resolves to the exit code: 0 done, 1 it failed, 2 it was called wrongly.
 * A plain start is read here, so that the gateway does not wait for the parser of all the other commands.
 */
export const run = async (argv: readonly string[], terminal: Terminal): Promise<number> => {
  if (cluster.isWorker) return (await import('../worker.ts')).runWorker(terminal)
  const plain = plainStart(argv)
  if (plain) return (await import('./start.ts')).start(plain, terminal)
  return (await import('./program.ts')).runProgram(argv, terminal)
}

/** `start`, `start --config FILE`; undefined for everything that needs a closer look. */
const plainStart = ([command, option, file, ...rest]: readonly string[]):
  | { config?: string }
  | undefined => {
  if (command !== 'start' || rest.length > 0) return undefined
  if (option === undefined) return {}
  const named = option === '--config' || option === '-c'
  return named && file !== undefined && !file.startsWith('-') ? { config: file } : undefined
}
