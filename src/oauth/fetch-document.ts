import { Resolver } from 'node:dns/promises'
import type { IncomingMessage } from 'node:http'
import { type RequestOptions, request } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'

import type { FetchSettings } from '../config/config.ts'
import { DocumentUnavailable, type FetchDocument } from './documents.ts'
import { createAddressCheck } from './public-address.ts'

/** Every address of a host. */
export type Resolve = (host: string, signal: AbortSignal) => Promise<readonly string[]>

/**
 * Fetches what a stranger named, without being made to call what only we can reach: https alone, every address of the
 * host checked before the connection goes to one of them, no redirects, nothing compressed, at most 64 KiB in 5 seconds.
 */
export const createFetchDocument = (
  { privateNetworks, ca }: FetchSettings,
  { resolve = resolveBy(), deadline = DEADLINE }: { resolve?: Resolve; deadline?: number } = {},
): FetchDocument => {
  const isAllowed = createAddressCheck(privateNetworks)
  const context = once(() => createSecureContext(trusting(ca)))
  return async (text) => {
    const signal = AbortSignal.timeout(deadline)
    const cancelled = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new DocumentUnavailable('took too long')))
    })
    // Where the rest is faster nobody waits for it.
    cancelled.catch(() => {})
    const fetched = async (): Promise<string> => {
      const url = checkedUrl(text)
      const addresses = await resolve(url.hostname.replace(/^\[|\]$/g, ''), signal)
      if (addresses.length === 0) throw new DocumentUnavailable('its host has no address')
      if (!addresses.every(isAllowed))
        throw new DocumentUnavailable('its host has an address that is not public')
      return readBody(await open(url, addresses, { context: context(), signal }))
    }
    try {
      return await Promise.race([fetched(), cancelled])
    } catch (error) {
      if (error instanceof DocumentUnavailable) throw error
      throw new DocumentUnavailable(error instanceof Error ? error.message : String(error))
    }
  }
}

/** Besides the default authorities, which come for nothing where they are alone. */
const trusting = (ca: string | undefined): { readonly ca?: string[] } =>
  ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] }

const checkedUrl = (text: string): URL => {
  const url = URL.parse(text)
  if (url === null || url.protocol !== 'https:' || url.username !== '' || url.password !== '')
    throw new DocumentUnavailable('its address is no https URL')
  const port = Number(url.port || 443)
  if (port !== 443 && port < 1024)
    throw new DocumentUnavailable('its port is that of other services')
  return url
}

/**
 * By DNS alone, of both families: what the machine's own files say of names is nobody else's business. `servers`: in place
 * of the machine's.
 */
export const resolveBy =
  (servers?: readonly string[]): Resolve =>
  async (host, signal) => {
    if (isIP(host) !== 0) return [host]
    // RFC 6761 §6.3
    if (host === 'localhost' || host.endsWith('.localhost')) return ['127.0.0.1', '::1']
    const resolver = new Resolver({ timeout: 2000, tries: 2 })
    if (servers) resolver.setServers(servers)
    signal.addEventListener('abort', () => resolver.cancel())
    const found = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
    return found.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
  }

/** The connection goes to an address that was checked; the certificate is that of the name. */
const open = (
  url: URL,
  addresses: readonly string[],
  { context, signal }: { readonly context: SecureContext; readonly signal: AbortSignal },
): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const options: RequestOptions & { secureContext: SecureContext } = {
      agent: false,
      secureContext: context,
      lookup: pinned(addresses),
      signal,
      headers: FIELDS,
    }
    const asked = request(url, options)
    asked.once('response', resolve)
    asked.once('upgrade', (_, socket) => socket.destroy())
    asked.once('error', reject)
    asked.once('close', () => reject(new DocumentUnavailable('the connection was closed')))
    asked.end()
  })

const pinned = (addresses: readonly string[]): LookupFunction => {
  const [first = '', ...others] = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_, options, callback) => {
    if (first === '') callback(new Error('no address'), '')
    else if (options.all) callback(null, [first, ...others])
    else callback(null, first.address, first.family)
  }
}

const readBody = async (answer: IncomingMessage): Promise<string> => {
  try {
    refuseHead(answer)
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of answer) {
      size += chunk.length
      if (size > MOST_BYTES) throw new DocumentUnavailable('it is too long')
      chunks.push(chunk)
    }
    return UTF8.decode(Buffer.concat(chunks))
  } finally {
    answer.destroy()
  }
}

const refuseHead = ({ statusCode, headers }: IncomingMessage): void => {
  if (statusCode !== 200) throw new DocumentUnavailable(`was answered with ${statusCode}`)
  if (!JSON_TYPE.test(headers['content-type'] ?? ''))
    throw new DocumentUnavailable('it is not called JSON')
  if ((headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new DocumentUnavailable('it is compressed')
}

const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

const FIELDS = {
  Accept: 'application/json, application/jwk-set+json',
  'Accept-Encoding': 'identity',
  'User-Agent': 'Portcullis',
}
const DEADLINE = 5000
const MOST_BYTES = 65_536
const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i
const UTF8 = new TextDecoder('utf-8', { fatal: true })
