import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

/**
 * A request's body as a stream of its own: whoever sends it on may destroy it without touching the client's connection.
 * `begun` is called when the first bytes are wanted, `flowing` with how many each time that some pass, and may destroy it. Fails when the client leaves.
 */
export const requestBody = (
  req: IncomingMessage,
  { begun, flowing }: { readonly begun: () => void; readonly flowing: (bytes: number) => void },
): Readable => {
  let reading = false
  const pass = (chunk: Buffer) => {
    flowing(chunk.length)
    if (!body.push(chunk)) req.pause()
  }
  const end = () => body.push(null)
  const cut = () => {
    if (!req.complete) body.destroy(new Error('the client left'))
  }
  const body = new Readable({
    read() {
      if (reading) {
        req.resume()
        return
      }
      reading = true
      begun()
      req.on('data', pass).once('end', end)
    },
    destroy(error, done) {
      req.pause()
      req.off('data', pass).off('end', end).off('close', cut)
      done(error)
    },
  })
  // Between two attempts nobody else listens, and an error unheard would end the process.
  body.on('error', () => {})
  req.once('close', cut)
  return body
}
