import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

// To be imported into a program (`--import`) whose memory is looked at: collects all garbage at each SIGUSR2.
setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('globalThis.gc')
process.on('SIGUSR2', () => typeof collect === 'function' && collect())
