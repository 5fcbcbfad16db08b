import { connect } from 'node:net'
import type { Config } from '../../config/config.ts'
import { Mistake } from '../../mistake.ts'
import { trustTest } from '../../peer.ts'
import { randomSecret } from '../../store/secrets.ts'
import { type AdminConnection, apiPath } from '../admin-connection.ts'
import { answerOf } from '../sample-client/answer.ts'
import { type Finding, ok, problem, warning } from './finding.ts'

/**
 * What the gateway takes for the address of a client that comes through the issuer. Asked with a request that it refuses, and
 * notes in its audit trail with that address: one to the authorization endpoint, for an address that nobody registered.
 */
export const examineProxies = async (
  config: Config,
  connection: AdminConnection | undefined,
): Promise<readonly Finding[]> => {
  if (isItself(config)) return [ok('proxy', 'the issuer is the listener itself: no proxy in front')]
  if (connection === undefined) return []
  const [seen, own] = await Promise.all([
    seenAddress(config, connection),
    ownAddress(new URL(config.issuer)),
  ])
  if (seen === undefined)
    return [
      warning(
        'proxy',
        'it could not be seen what the proxy in front says of clients (that takes a client, and audit.keep)',
        'Look at remote in the access log: it has to be the client’s address.',
      ),
    ]
  return [judge(seen, own, config.trustedProxies)]
}

const judge = (
  seen: string,
  own: string | undefined,
  trustedProxies: readonly string[],
): Finding => {
  const isTrusted = trustTest(trustedProxies)
  const isOwnTrusted = own !== undefined && isTrusted(own)
  if (trustedProxies.length === 0)
    return warning(
      'proxy',
      `the issuer is not the listener itself, and trustedProxies is empty: clients that come through a proxy all seem to be ${seen}`,
      'Name the proxy in trustedProxies.',
    )
  if (seen === FORGED && !isOwnTrusted)
    return problem(
      'proxy',
      'clients can say themselves where they come from: the proxy passes X-Forwarded-For on as it came',
      'Let the proxy append the client’s address, or set it anew (nginx: $proxy_add_x_forwarded_for).',
    )
  if (seen !== FORGED && isTrusted(seen) && seen !== own)
    return problem(
      'proxy',
      `every client seems to be ${seen}, a proxy: X-Forwarded-For does not arrive`,
      'Let the proxy set X-Forwarded-For to the client’s address.',
    )
  return ok('proxy', 'X-Forwarded-For arrives through the issuer’s proxy')
}

const isItself = ({ issuer, listen }: Config): boolean => {
  const { protocol, hostname, port } = new URL(issuer)
  return (
    protocol === 'http:' &&
    /^(localhost|127\.|\[::1\])/.test(hostname) &&
    Number(port || 80) === listen.port
  )
}

/** An address that nobody has (RFC 5737). */
const FORGED = '203.0.113.7'

const seenAddress = async (
  config: Config,
  connection: AdminConnection,
): Promise<string | undefined> => {
  const client_id = config.clients[0]?.client_id ?? (await anyClient(connection))
  if (client_id === undefined || config.audit.keep === 0) return undefined
  const redirect_uri = `https://doctor.invalid/${randomSecret().slice(0, 16)}`
  const query = new URLSearchParams({ response_type: 'code', client_id, redirect_uri })
  const url = new URL(`${config.issuer}${config.paths.oauth}/authorize?${query}`)
  try {
    await answerOf(url, { headers: { 'x-forwarded-for': FORGED } })
  } catch (error) {
    // That it does not answer is told of the issuer.
    if (error instanceof Mistake) return undefined
    throw error
  }
  return noted(connection, client_id, redirect_uri)
}

const anyClient = async (connection: AdminConnection): Promise<string | undefined> => {
  const { body } = await connection.get(apiPath(['clients'], { limit: 1 }))
  return (body as { items: { client_id: string }[] }).items[0]?.client_id
}

/** Notes are written a moment later. */
const noted = async (
  connection: AdminConnection,
  client_id: string,
  redirect_uri: string,
): Promise<string | undefined> => {
  const path = apiPath(['audit'], { client_id, event: 'authorization.refused', limit: 50 })
  for (let look = 0; look < LOOKS; look += 1) {
    const { body } = await connection.get(path)
    const { items } = body as { items: { fields: Readonly<Record<string, unknown>> }[] }
    const note = items.find(({ fields }) => fields.given === redirect_uri)
    if (typeof note?.fields.remote === 'string') return note.fields.remote
    await new Promise((resolve) => setTimeout(resolve, PAUSE))
  }
  return undefined
}

const LOOKS = 30
/** Milliseconds. */
const PAUSE = 100

/** What we come from, as far as this machine knows. */
const ownAddress = (url: URL): Promise<string | undefined> =>
  new Promise((resolve) => {
    const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port, timeout: 5000 })
    const done = (address: string | undefined) => {
      socket.destroy()
      resolve(address)
    }
    socket.once('connect', () => done(socket.localAddress))
    socket.once('error', () => done(undefined))
    socket.once('timeout', () => done(undefined))
  })
