#!/usr/bin/env node
// Starts Portcullis on a Node that can run it, and says so in one line on one that cannot. Nothing but syntax that
// Node 12 reads, and no static import: an old Node must reach the message.

const FLOOR = [24, 15]

const [major, minor] = process.versions.node.split('.').map(Number)
if (major > FLOOR[0] || (major === FLOOR[0] && minor >= FLOOR[1])) void start()
else void startOnOurNode()

// What `npm install` brought along, in a checkout.
function startOnOurNode() {
  return Promise.all([import('node:child_process'), import('node:fs'), import('node:url')]).then(
    ([{ spawn }, { existsSync }, { fileURLToPath }]) => {
      const node = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url))
      if (!existsSync(node)) return refuse()
      const self = fileURLToPath(import.meta.url)
      const child = spawn(node, [self].concat(process.argv.slice(2)), { stdio: 'inherit' })
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
        process.on(signal, () => child.kill(signal))
      child.on('exit', (code) => process.exit(code === null ? 1 : code))
    },
  )
}

function refuse() {
  const floor = FLOOR.join('.')
  process.stderr.write(
    `portcullis needs Node ${floor} or newer; this is Node ${process.versions.node}\n`,
  )
  process.exitCode = 1
}

// The compile cache is on before the first of our files is read: then Node need not load what takes the types off.
function start() {
  const { enableCompileCache } = process.getBuiltinModule('node:module')
  enableCompileCache(path('../node_modules/.cache/portcullis'))
  return import(isBuilt() ? '../dist/main.js' : '../src/main.ts')
}

// The built program starts in half the time (docs/decisions/0010). In a checkout it must be newer than every source that
// it was built from; the npm package and the image have nothing else.
function isBuilt() {
  const { existsSync, readFileSync, statSync } = process.getBuiltinModule('node:fs')
  const program = statSync(path('../dist/main.js'), { throwIfNoEntry: false })
  if (program === undefined) return false
  const sources = path('../src/')
  if (!existsSync(sources)) return true
  return JSON.parse(readFileSync(path('../dist/sources.json'), 'utf8')).every((name) => {
    const source = statSync(sources + name, { throwIfNoEntry: false })
    return source !== undefined && source.mtimeMs < program.mtimeMs
  })
}

function path(relative) {
  return process.getBuiltinModule('node:url').fileURLToPath(new URL(relative, import.meta.url))
}
