import { createServer } from 'node:net'

// An upstream that costs as little as it can: it counts heads and answers each with the same bytes, a small JSON document.
const body = JSON.stringify({
  orders: [
    { id: 1, item: 'kettle', quantity: 2, note: 'leave it with the neighbours' },
    { id: 2, item: 'lamp', quantity: 1, note: 'the green one, if there is one' },
  ],
})
const answer = Buffer.from(
  'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\n' +
    `Connection: keep-alive\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
)

createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  socket.on('data', (bytes) => {
    for (let at = bytes.indexOf(END); at >= 0; at = bytes.indexOf(END, at + 1)) socket.write(answer)
  })
}).listen(Number(process.argv[2]), '127.0.0.1')

const END = '\r\n\r\n'
