import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** What a program holds: files, and bytes of heap and in all. */
export type Held = { readonly files: number; readonly heap: number; readonly resident: number }

export type Program = { readonly child: ChildProcess; readonly admin: string }

/** What a program must be started with, so that its garbage can be collected before somebody looks. */
export const COLLECTING = {
  NODE_OPTIONS: `--import=${new URL('./collecting-at-signal-process.ts', import.meta.url).href}`,
}

/** The least of some looks, before each of which garbage is collected (see COLLECTING). */
export const heldBy = async (program: Program): Promise<Held> => {
  const heaps: number[] = []
  for (let look = 0; look < 4; look++) {
    program.child.kill('SIGUSR2')
    heaps.push(await metricOf(program, /^nodejs_heap_size_used_bytes (\S+)$/m))
  }
  return {
    files: filesOf(program),
    heap: Math.min(...heaps),
    resident: residentOf(program),
  }
}

export const filesOf = ({ child: { pid } }: Program): number =>
  readdirSync(`/proc/${pid}/fd`).length

const residentOf = ({ child: { pid } }: Program): number => {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024
}

/** The first group of the pattern in its metrics; 0 where it is not among them. */
export const metricOf = async ({ admin }: Program, pattern: RegExp): Promise<number> => {
  const text = await (await fetch(`${admin}/metrics`)).text()
  return Number(pattern.exec(text)?.[1] ?? 0)
}
