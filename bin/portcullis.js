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

// The built program where there is one (the npm package, the image), else the sources of a checkout.
function start() {
  return import('node:fs').then(({ existsSync }) => {
    const built = new URL('../dist/main.js', import.meta.url)
    return import(existsSync(built) ? built.href : '../src/main.ts')
  })
}
