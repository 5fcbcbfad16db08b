/**
 * Told of bytes that were read and passed on; has V8 free their buffers after each `EACH` of them.
 *
 * Node reads into buffers outside of the heap. V8 sees the few bytes of each that are within, and lets some hundred
 * megabytes of the others gather before it looks. A collection of the young generation after 4 MiB keeps a stream of any
 * length within that much, costs a fraction of a millisecond, and is earned back, as memory is used again while it is warm.
 */
const createSweep = (): ((bytes: number) => void) => {
  let collect: Collect | undefined
  let passed = 0
  return (bytes) => {
    passed += bytes
    if (passed < EACH) return
    passed = 0
    collect ??= takeCollect()
    collect({ type: 'minor' })
  }
}

const EACH = 4 * 2 ** 20

type Collect = (options: { readonly type: 'minor' }) => void

/** V8 gives it to contexts that are made while this flag is set. The compile cache depends on the flags: it is not left. */
const takeCollect = (): Collect => {
  // Not imported: a start would load what may never be needed.
  const { setFlagsFromString } = process.getBuiltinModule('node:v8')
  const { runInNewContext } = process.getBuiltinModule('node:vm')
  setFlagsFromString('--expose-gc')
  try {
    const found: unknown = runInNewContext('globalThis.gc')
    return typeof found === 'function' ? (options) => void found(options) : () => {}
  } finally {
    setFlagsFromString('--no-expose-gc')
  }
}

/** Of this process, as its memory is one. */
export const sweep = createSweep()
