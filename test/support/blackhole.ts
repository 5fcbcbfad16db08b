import { spawn } from 'node:child_process'
import { connect, type Socket } from 'node:net'

/**
 * A port that answers no SYN: a process that listens with the shortest backlog and then never accepts, its queue filled.
 * Linux only, as far as the dropping goes.
 */
export const startBlackhole = async (): Promise<{ port: number; close(): Promise<void> }> => {
  const child = spawn(process.execPath, ['-e', LISTENER], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const port = await new Promise<number>((resolve) =>
    child.stdout.once('data', (chunk) => resolve(Number(chunk))),
  )
  const sockets: Socket[] = []
  // Until one is not answered any more, the queue is not full.
  while (await isConnected(port, sockets)) if (sockets.length > 64) throw new Error('no end of it')
  return {
    port,
    async close() {
      for (const socket of sockets) socket.destroy()
      child.kill('SIGKILL')
      await ended
    },
  }
}

const LISTENER = `
const server = require('node:net').createServer()
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  require('node:fs').writeSync(1, String(server.address().port))
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})`

const isConnected = (port: number, sockets: Socket[]): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    sockets.push(socket)
    socket.on('error', () => {})
    const timer = setTimeout(() => resolve(false), 300)
    socket.once('connect', () => {
      clearTimeout(timer)
      resolve(true)
    })
  })
