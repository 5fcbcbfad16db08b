import { Agent, createServer } from 'node:http'
import { createProxyServer } from 'http-proxy-3'

const [, , port, target = ''] = process.argv
const proxy = createProxyServer({ target, agent: new Agent({ keepAlive: true }) })
createServer((req, res) => proxy.web(req, res)).listen(Number(port), '127.0.0.1')
