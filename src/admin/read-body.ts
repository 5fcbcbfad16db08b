import type { IncomingMessage } from 'node:http'

/** `tooLarge`: more than may be; `late`: not whole in time; `broken`: it ended before. */
type BodyFailure = 'tooLarge' | 'late' | 'broken'

type Read = { readonly bytes: Buffer } | { readonly failure: BodyFailure }

/**
 * Reads a body of at most `most` bytes, in at most ten seconds. After `tooLarge` and `late` the answer has to close the
 * connection: what is left is not read.
 */
export const readBody = async (req: IncomingMessage, most: number): Promise<Read> => {
  if (Number(req.headers['content-length']) > most) return { failure: 'tooLarge' }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Read>((resolve) => {
    timer = setTimeout(() => resolve({ failure: 'late' }), PATIENCE)
  })
  const whole = collect(req, most).catch((): Read => ({ failure: 'broken' }))
  return Promise.race([whole, late]).finally(() => clearTimeout(timer))
}

const collect = async (req: IncomingMessage, most: number): Promise<Read> => {
  const chunks: Buffer[] = []
  let size = 0
  // The connection lives until the answer is sent.
  for await (const chunk of req.iterator({ destroyOnReturn: false })) {
    size += chunk.length
    if (size > most) return { failure: 'tooLarge' }
    chunks.push(chunk)
  }
  return { bytes: Buffer.concat(chunks) }
}

/** Milliseconds. */
const PATIENCE = 10_000
