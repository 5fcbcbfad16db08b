#!/usr/bin/env node
// Starts Portcullis on a Node that can run it, and says so in one line on one that cannot. Nothing but syntax that
// Node 12 reads, and no static import: an old Node must reach the message.

const FLOOR = [24, 15]

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < FLOOR[0] || (major === FLOOR[0] && minor < FLOOR[1])) {
  const floor = FLOOR.join('.')
  process.stderr.write(
    `portcullis needs Node ${floor} or newer; this is Node ${process.versions.node}\n`,
  )
  process.exitCode = 1
} else {
  void start()
}

// The sources where they are, in a checkout, else the built program (the npm package, the image). The compile cache is
// on before the first of them is read: then Node need not load what takes the types off.
function start() {
  const { existsSync } = process.getBuiltinModule('node:fs')
  const { enableCompileCache } = process.getBuiltinModule('node:module')
  const { fileURLToPath } = process.getBuiltinModule('node:url')
  enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/portcullis', import.meta.url)))
  const sources = new URL('../src/main.ts', import.meta.url)
  return import(existsSync(sources) ? sources.href : '../dist/main.js')
}
