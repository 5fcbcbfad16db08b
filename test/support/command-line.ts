import { spawn } from 'node:child_process'
import { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { run } from '../../src/cli/run.ts'
import type { Terminal } from '../../src/cli/terminal.ts'

/** What became of a command line. */
export type Ran = { readonly code: number; readonly output: string; readonly errors: string }

export type Surroundings = {
  readonly env?: Readonly<Record<string, string>>
  /** What comes from standard input. */
  readonly input?: string
  /** Whether a person sits there. */
  readonly terminal?: boolean
}

/** Runs a command line in this process, through everything but main.ts. */
export const runCommand = async (
  argv: readonly string[],
  surroundings: Surroundings = {},
): Promise<Ran> => startCommand(argv, surroundings).ended

/** The same, for one that goes on until it is interrupted. */
export const startCommand = (
  argv: readonly string[],
  { env = {}, input = '', terminal = false }: Surroundings = {},
) => {
  const [output, errors] = [recorder(), recorder()]
  const signals = new Map<string, () => void>()
  const io: Terminal = {
    env,
    stdin: Object.assign(Readable.from(input === '' ? [] : [input]), { isTTY: terminal }),
    stdout: Object.assign(output.stream, { isTTY: terminal }),
    stderr: Object.assign(errors.stream, { isTTY: terminal }),
    onSignal(signal, listener) {
      signals.set(signal, listener)
      return () => signals.delete(signal)
    },
    onFailure() {},
  }
  const ended = run(argv, io).then(
    (code): Ran => ({ code, output: output.text(), errors: errors.text() }),
  )
  return { ended, output: output.text, signal: (name: string) => signals.get(name)?.() }
}

/** Runs it as a process of its own. */
export const spawnCommand = async (
  argv: readonly string[],
  { env = {}, input = '' }: Surroundings = {},
): Promise<Ran> => {
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
  const child = spawn(process.execPath, [main, ...argv], { env: { ...process.env, ...env } })
  let [output, errors] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk
  })
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk
  })
  child.stdin.end(input)
  const code = await new Promise<number>((resolve) =>
    child.once('close', (ended) => resolve(ended ?? -1)),
  )
  return { code, output, errors }
}

const recorder = () => {
  let written = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written += String(chunk)
      done()
    },
  })
  return { stream, text: () => written }
}
