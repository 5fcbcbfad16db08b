import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

// To be imported into a program (`--import`) whose memory is looked at: collects all garbage again and again, so that what
// is left is in use.
setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('globalThis.gc')
setInterval(() => typeof collect === 'function' && collect(), 300).unref()
