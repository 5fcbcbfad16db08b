import { createServer } from 'node:http'
import fastProxy from 'fast-proxy'

const [, , port, base = ''] = process.argv
const { proxy } = fastProxy({ base })
createServer((req, res) => proxy(req, res, req.url ?? '/', {})).listen(Number(port), '127.0.0.1')
