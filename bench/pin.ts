import { execFileSync } from 'node:child_process'
import { childrenOf } from './peers.ts'

/** Gives a server and its children the one core that each server has in its turn. */
export const pin = (pid: number): void => {
  for (const each of [pid, ...childrenOf(pid)])
    execFileSync('taskset', ['-acp', '0', String(each)], { stdio: 'ignore' })
}
