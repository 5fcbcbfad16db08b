import { Mistake } from '../mistake.ts'

/**
 * The socket that systemd listens on for us, as sd_listen_fds(3) says: the first of those that it passed. Undefined without
 * one. Throws a `Mistake` for more than one.
 */
export const inheritedSocket = (
  env: Readonly<Record<string, string | undefined>>,
): number | undefined => {
  const { LISTEN_PID: pid, LISTEN_FDS: count } = env
  // A process of ours that was started by one that got them sees the variables, too.
  if (pid !== String(process.pid) || count === undefined || count === '0') return undefined
  if (count !== '1')
    throw new Mistake(
      `${count} sockets were passed on (LISTEN_FDS): give one, of the public listener`,
    )
  return FIRST
}

/** SD_LISTEN_FDS_START */
const FIRST = 3
