import { formDecoded } from './parameters.ts'

/**
 * RFC 6749 §2.3.1: both halves are form-encoded before they are joined, so that the first colon parts them. Undefined for
 * what is not so.
 */
export const readBasic = (
  authorization: string,
): { readonly client_id: string; readonly secret: string } | undefined => {
  const encoded = BASIC.exec(authorization)?.[1]
  if (encoded === undefined || authorization.length > LONGEST) return undefined
  const pair = Buffer.from(encoded, 'base64').toString('latin1')
  const colon = pair.indexOf(':')
  const client_id = colon < 0 ? undefined : decodedHalf(pair.slice(0, colon))
  const secret = decodedHalf(pair.slice(colon + 1))
  return client_id === undefined || client_id === '' || secret === undefined
    ? undefined
    : { client_id, secret }
}

/** Some clients leave the form-encoding out; then the bytes are UTF-8 as they stand. */
const decodedHalf = (half: string): string | undefined => {
  try {
    return formDecoded(UTF8.decode(Buffer.from(half, 'latin1')))
  } catch {
    return undefined
  }
}

const BASIC = /^basic +([A-Za-z0-9+/]+={0,2})$/i
const LONGEST = 4096
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
