import { spawn } from 'node:child_process'
import { extname } from 'node:path'
import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { isLoopback } from '../config/address.ts'
import type { Config } from '../config/config.ts'
import { demoSetup } from './setup.ts'

/**
 * What makes `npm start` a demo: the orders API in a process of its own, on the port that the configuration names for it,
 * and a few lines that tell what to try. A configuration that is a demo for its plain passwords alone has its own upstreams,
 * and their ports are not ours to take.
 */
export const startDemoCompanion = (
  config: Config,
  terminal: { readonly stdout: Writable; readonly stderr: Writable },
): { stop(): void } => {
  const setup = demoSetup(config)
  if (typeof setup === 'string') {
    terminal.stderr.write(`portcullis: there is no demo at /demo, and no demo API: ${setup}\n`)
    return { stop: () => {} }
  }
  const target = config.upstreams.get('orders')?.targets[0]?.url
  const url = target === undefined ? undefined : new URL(target)
  const api = url && isLoopback(url.hostname) ? startOrdersApi(url, terminal.stderr) : undefined
  terminal.stdout.write(invitation(config))
  return { stop: () => void api?.kill('SIGTERM') }
}

const startOrdersApi = ({ hostname, port }: URL, stderr: Writable) => {
  const file = fileURLToPath(new URL(`./orders-api${extname(import.meta.url)}`, import.meta.url))
  // The open standard input is the leash: the API ends when this process goes, however it goes.
  const child = spawn(process.execPath, [file, '--host', hostname, '--port', port], {
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  child.stderr.on('data', (chunk: Buffer) => stderr.write(`orders-api: ${chunk}`))
  child.on('exit', (code, signal) => {
    if (code !== 0 && signal !== 'SIGTERM')
      stderr.write(
        `orders-api: ended with ${code ?? signal}. If something else has port ${port}, /orders goes there; else it is 502.\n`,
      )
  })
  return child
}

const invitation = ({ issuer, paths }: Config): string => `
  Portcullis is up.  Open ${issuer}/demo and walk through the flow,
  or stay here:

    curl -i ${issuer}/orders                       # 401: no token
    TOKEN=$(curl -s -u robot:robot-secret -d grant_type=client_credentials \\
      ${issuer}${paths.oauth}/token | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
    curl -i -H "Authorization: Bearer $TOKEN" ${issuer}/orders     # 200

  Sign in as ada, password ada.  Ctrl-C stops everything.

`
