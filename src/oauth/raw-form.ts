import type { IncomingMessage } from 'node:http'

/**
 * A reader of forms (form.ts) that leaves the bytes of one in `request.body`, as latin1 text. Rejects with `status` 413 above
 * `limit` bytes and with 400 when the client breaks off.
 */
export const rawForm =
  (limit: number) =>
  async ({
    req,
    request,
  }: {
    req: IncomingMessage
    request: { body?: unknown }
  }): Promise<void> => {
    request.body = await readAll(req, limit)
  }

const readAll = (req: IncomingMessage, limit: number): Promise<string> => {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  if (Number(req.headers['content-length'] ?? 0) > limit) {
    reject(new Unreadable(413))
    return promise
  }
  const chunks: Buffer[] = []
  let size = 0
  const leave = (settle: () => void) => {
    req.off('data', take).off('end', finish).off('close', breakOff).off('error', breakOff)
    settle()
  }
  const take = (chunk: Buffer) => {
    size += chunk.length
    if (size <= limit) chunks.push(chunk)
    else {
      req.pause()
      leave(() => reject(new Unreadable(413)))
    }
  }
  const finish = () => leave(() => resolve(textOf(chunks)))
  const breakOff = () => leave(() => reject(new Unreadable(400)))
  req.on('data', take).on('end', finish).on('close', breakOff).on('error', breakOff)
  return promise
}

const textOf = (chunks: readonly Buffer[]): string => {
  const [first] = chunks
  if (first === undefined) return ''
  return (chunks.length === 1 ? first : Buffer.concat(chunks)).toString('latin1')
}

class Unreadable extends Error {
  override readonly name = 'Unreadable'
  readonly status: 400 | 413

  constructor(status: 400 | 413) {
    super(status === 413 ? 'the form is too large' : 'the form was broken off')
    this.status = status
  }
}
