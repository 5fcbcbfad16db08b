import type { IncomingMessage } from 'node:http'

/** Reads a JSON body of at most 64 KB, or says what is wrong with it. Rejects when the caller leaves. */
export const readJson = async (
  req: IncomingMessage,
): Promise<{ readonly value: unknown } | { readonly status: number; readonly problem: string }> => {
  if (!/^application\/json\s*(?:;|$)/i.test(req.headers['content-type'] ?? '')) {
    return { status: 415, problem: 'The body has to be application/json' }
  }
  const parts: Buffer[] = []
  let size = 0
  for await (const part of req.iterator({ destroyOnReturn: false })) {
    size += part.length
    if (size > MOST) return { status: 413, problem: 'The body is larger than 64 KB' }
    parts.push(part)
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(parts).toString())
    return { value }
  } catch {
    return { status: 400, problem: 'The body is not JSON' }
  }
}

const MOST = 65_536
