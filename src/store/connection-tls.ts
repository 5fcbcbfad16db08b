import type { ConnectionOptions } from 'node:tls'
import type { StoreTls } from '../config/store-location.ts'
import { codeOf, wordsOf } from './calls.ts'
import { StoreRefused } from './store.ts'

/** What Node's TLS is told about a store. */
export const tlsOptions = (tls: StoreTls): ConnectionOptions => ({
  ...(tls.ca !== undefined && { ca: tls.ca }),
  ...(tls.cert !== undefined && { cert: tls.cert }),
  ...(tls.key !== undefined && { key: tls.key }),
  ...(tls.servername !== undefined && { servername: tls.servername }),
  rejectUnauthorized: tls.verify !== 'none',
  ...(tls.verify === 'ca' && { checkServerIdentity: () => undefined }),
})

/** A certificate that we do not take, or no TLS at all: waiting does not mend it. Undefined for other failures. */
export const tlsRefusal = (name: string, cause: unknown): StoreRefused | undefined => {
  const code = codeOf(cause)
  if (NO_TLS.test(code) || NO_TLS.test(wordsOf(cause))) {
    return new StoreRefused(
      `${name}: does not speak TLS there (${wordsOf(cause)})`,
      'Name its TLS port, or ask for it without TLS where the network is trusted.',
      { cause },
    )
  }
  if (!CERTIFICATE.test(code)) return undefined
  return new StoreRefused(
    `${name}: its certificate is not one that we take (${wordsOf(cause)})`,
    'Name the file of its authority in the URL of store:, and its host as the certificate has it.',
    { cause },
  )
}

const CERTIFICATE = /CERT|UNABLE_TO_|ALTNAME/
const NO_TLS = /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|does not support SSL/
