import type { Held } from '../test/support/held.ts'
import { vanish } from '../test/support/vanishing-websockets.ts'

// WebSockets of which one half vanish. Ends with 1 when any of the other half went, too, or when something stays behind.

const COUNT = Number(process.argv[2] ?? 5_000)
const IDLE = 20
const MIB = 2 ** 20

const began = performance.now()
const { held, stayed, ended, seconds } = await vanish(COUNT, IDLE)
const row = (name: string, { files, heap, resident }: Held) =>
  `${name.padEnd(28)} ${String(files).padStart(8)} ${(heap / MIB).toFixed(1).padStart(10)} ${(resident / MIB).toFixed(1).padStart(10)}`
const lines = [
  `${COUNT} WebSockets through one process, one half stopped (SIGSTOP), idle limit ${IDLE} s`,
  `${''.padEnd(28)} ${'files'.padStart(8)} ${'heap MiB'.padStart(10)} ${'RSS MiB'.padStart(10)}`,
  row('before', held.before),
  row('all open', held.open),
  row('the vanished half given up', held.half),
  row('all gone', held.after),
  `given up after ${seconds.toFixed(1)} s: ${ended.idle} of ${COUNT / 2}; still open of the others: ${stayed}`,
  `${((performance.now() - began) / 1000).toFixed(0)} s in all`,
]
process.stdout.write(`${lines.join('\n')}\n`)
const grown = held.after.heap - held.before.heap
const good = stayed === COUNT / 2 && ended.idle === COUNT / 2 && grown < 4 * MIB
process.exitCode = good && held.after.files - held.before.files <= 10 ? 0 : 1
