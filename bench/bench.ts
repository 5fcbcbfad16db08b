import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

// All that docs/performance.md has a figure of, one program after the other: `npm run bench`, with `-- --full` the flood is
// the million. Fails when one of them could not measure, not for what is not met: that stands in the row.

const PROGRAMS: readonly (readonly string[])[] = [
  ['forwarding.ts'],
  ['latency.ts', ...process.argv.slice(2)],
  ['routes.ts'],
  ['memory-process.ts'],
]

for (const [name = '', ...args] of PROGRAMS) {
  const file = fileURLToPath(new URL(name, import.meta.url))
  const { status } = spawnSync(process.execPath, ['--expose-gc', file, ...args], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exitCode = 1
  console.log()
}
