import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { childrenOf } from './peers.ts'

/** Gives a server and its children the one core that each server has in its turn. */
export const pin = (pid: number): void => keepOn('0', pid)

/**
 * Keeps what sends and what answers behind the server off that core, so that what the server is asked for is all that it has
 * to do. Nothing on a machine of one core.
 */
export const pinAway = (pid: number | undefined): void => {
  const last = availableParallelism() - 1
  if (last > 0 && pid !== undefined) keepOn(`1-${last}`, pid)
}

const keepOn = (cores: string, pid: number): void => {
  for (const each of [pid, ...childrenOf(pid)])
    execFileSync('taskset', ['-acp', cores, String(each)], { stdio: 'ignore' })
}
