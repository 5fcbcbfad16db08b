import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { killUnderLoad, type Victim } from '../test/support/killed.ts'
import type { StoreServer } from '../test/support/server-process.ts'
import { serverKinds } from '../test/support/store-servers.ts'
import { suffer, TROUBLES } from '../test/support/troubled.ts'

// Every fault of docs/reliability.md in full: `npm run chaos`, or `npm run chaos -- kill/sqlite "SIGSTOP"` for those whose name
// has one of the words in it. `--rounds` of kill -9 (200), `--seconds` of each trouble of a store (30). A table at the end.

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '30' },
  },
})

/** `run` resolves to its figures, and throws for what was not borne. */
type Scenario = { readonly name: string; readonly rows: string; run(): Promise<string> | string }

const MIB = 2 ** 20
const mib = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`

const borne = (problems: readonly string[]): void => {
  if (problems.length > 0) throw new Error(problems.slice(0, 5).join('; '))
}

const kill = (
  kind: 'sqlite' | StoreServer['kind'],
  victim: Victim,
  start: () => Promise<StoreServer> | undefined,
): Scenario => ({
  name: `kill/${kind}/${victim}`,
  rows: victim === 'gateway' ? 'R-29' : 'R-20 R-29',
  async run() {
    const server = await start()
    try {
      const killed = await killUnderLoad(server, victim, Number(values.rounds))
      const { rounds, acknowledged, before, after, problems } = killed
      borne(problems)
      return `${rounds} × kill -9, ${acknowledged} answers held; heap ${mib(before.heap)} → ${mib(after.heap)}, files ${before.files} → ${after.files}`
    } finally {
      await server?.stop()
    }
  },
})

const troubles: readonly Scenario[] = TROUBLES.map((trouble) => ({
  name: trouble.name,
  rows: trouble.row,
  async run() {
    const { problems, probes, slowest, recovered } = await suffer(trouble, Number(values.seconds))
    borne(problems)
    return `${values.seconds} s, ${probes} asked meanwhile, slowest ${slowest.toFixed(0)} ms, well again after ${recovered.toFixed(0)} ms`
  },
}))

/** Tests that do all of it where they are told to. */
const tests = (name: string, rows: string, files: readonly string[]): Scenario => ({
  name,
  rows,
  run() {
    const { status, stdout } = spawnSync('npx', ['vitest', 'run', ...files], {
      encoding: 'utf8',
      env: { ...process.env, PORTCULLIS_CHAOS: 'full', NO_COLOR: '1' },
    })
    const summary = /Tests +(.*)/.exec(stdout)?.[1] ?? 'no result'
    if (status === 0) return summary
    const failed = [...stdout.matchAll(/^ *FAIL +(.*)$/gm)].map((found) => found[1])
    throw new Error(`${summary}: ${failed.join('; ')}`)
  },
})

const program = (name: string, rows: string, file: string): Scenario => ({
  name,
  rows,
  run() {
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`${stdout}${stderr}`.trim())
    return stdout.trim().split('\n').at(-2) ?? ''
  },
})

const SCENARIOS: readonly Scenario[] = [
  kill('sqlite', 'gateway', () => undefined),
  ...serverKinds
    .filter(({ absent }) => !absent)
    .flatMap(({ kind, start, durable }) =>
      (['gateway', 'store'] as const).map((victim) => kill(kind, victim, () => start(durable))),
    ),
  ...troubles,
  tests('clocks', 'R-31', ['clock-steps']),
  tests('files, memory, stalls, mistakes, stdout', 'R-28 R-33 R-34 R-36 R-41 R-44', [
    'test/faults.test.ts',
  ]),
  tests('servers of stores', 'R-20…R-26 R-32 R-43 §5.3', ['store-faults', 'shared-stores']),
  tests('the SQLite file', 'R-27 R-43', ['store-sqlite']),
  tests('workers', 'R-36 R-38', ['workers']),
  tests('restarts', 'R-37', ['test/restart.test.ts']),
  tests('1 000 changes, 60 keys', 'R-39 R-40', ['reload-under-load']),
  program('5 000 WebSockets, half vanish', 'R-12', 'bench/vanishing-websockets.ts'),
]

const wanted = SCENARIOS.filter(
  ({ name }) => positionals.length === 0 || positionals.some((word) => name.includes(word)),
)
const lines = ['| fault | rows | s | result |', '| --- | --- | --- | --- |']
for (const { name, rows, run } of wanted) {
  console.error(`${name} …`)
  const began = performance.now()
  const result = await Promise.resolve()
    .then(run)
    .catch((error: Error) => {
      process.exitCode = 1
      return `FAILED: ${error.message.replaceAll('\n', ' ')}`
    })
  const line = `| ${name} | ${rows} | ${((performance.now() - began) / 1000).toFixed(0)} | ${result} |`
  console.error(line)
  lines.push(line)
}
console.log(lines.join('\n'))
