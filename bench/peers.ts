import { execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { answering, freePort, type Server, stop } from './servers.ts'

/** Whether a program is installed. */
export const isInstalled = (program: string): boolean => {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/**
 * nginx with one worker, which asks `auth` (it always says 200) before each request, over connections that are kept. Only
 * nginx's own CPU is counted, not that of whom it asks.
 */
export const startNginx = async (target: string): Promise<Server> => {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-nginx-'))
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  await writeFile(file, nginxConfiguration(port, new URL(target).host, folder))
  return started('nginx', ['-c', file, '-p', folder, '-e', 'stderr'], port, folder)
}

const nginxConfiguration = (port: number, upstream: string, folder: string): string => `
worker_processes 1; daemon off; pid ${folder}/pid; error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder};
  fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  keepalive_requests 100000000;
  upstream orders { server ${upstream}; keepalive 64; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      auth_request /auth;
      proxy_pass http://orders; proxy_http_version 1.1; proxy_set_header Connection "";
    }
    location = /auth {
      internal; proxy_pass http://orders; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_pass_request_body off; proxy_set_header Content-Length "";
    }
  }
}`

/** Caddy's reverse_proxy, which checks nothing, on one thread of Go. */
export const startCaddy = async (target: string): Promise<Server> => {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-caddy-'))
  const port = await freePort()
  const file = join(folder, 'Caddyfile')
  await writeFile(
    file,
    `{\n admin off\n auto_https off\n}\nhttp://127.0.0.1:${port} {\n reverse_proxy ${new URL(target).host}\n}\n`,
  )
  return started('caddy', ['run', '--adapter', 'caddyfile', '--config', file], port, folder)
}

const started = async (
  name: string,
  args: readonly string[],
  port: number,
  folder: string,
): Promise<Server> => {
  const env = { ...process.env, GOMAXPROCS: '1', HOME: folder, XDG_DATA_HOME: folder }
  const child = spawn(name, args, { env, stdio: 'ignore' })
  const pid = child.pid ?? 0
  await answering(port)
  return {
    name,
    pid,
    url: `http://127.0.0.1:${port}/orders/1`,
    headers: [
      'Authorization: Bearer '.padEnd(92, 'x'),
      'Accept: application/json',
      'User-Agent: bench/1.0',
    ],
    cpu: async () => [pid, ...childrenOf(pid)].reduce((sum, each) => sum + cpuOf(each), 0),
    async stop() {
      for (const each of childrenOf(pid)) process.kill(each, 'SIGKILL')
      await stop(child)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** µs of CPU, user and system, in steps of a clock tick (10 ms). */
export const cpuOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

export const childrenOf = (pid: number): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => parentOf(each) === pid)

const parentOf = (pid: number): number => {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[1])
  } catch {
    return 0
  }
}
