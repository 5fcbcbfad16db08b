import type { Config } from '../config/config.ts'
import type { Bindings } from '../listeners.ts'
import { Mistake } from '../mistake.ts'
import { connectToAdmin } from './admin-connection.ts'
import type { Terminal } from './terminal.ts'

/**
 * For `start --takeover`: listen in public beside the process that serves there; when we do, have it go; then take its
 * admin address. Where nobody serves, this is a start like any other. Throws a `Mistake` where it cannot be done.
 */
export const takeoverBindings = async (
  config: Config,
  fd: number | undefined,
  { env, stderr }: Pick<Terminal, 'env' | 'stderr'>,
): Promise<Bindings> => {
  if (fd !== undefined)
    throw new Mistake('--takeover is not for a socket that is passed on: that survives a restart')
  if (process.platform !== 'linux')
    throw new Mistake('--takeover needs Linux (two processes on one port); restart it instead')
  const former = await connectToAdmin({ config: config.file }, env).catch((error: unknown) => {
    // Without a token there has been no start yet.
    if (error instanceof Mistake) return undefined
    throw error
  })
  if (former === undefined || !(await former.isThere())) return { main: {}, later: {} }
  stderr.write('portcullis: takes the place of the one that runs\n')
  return {
    main: { beside: true },
    later: {},
    turn: async () => void (await former.post('/api/v1/takeover', {})),
  }
}
