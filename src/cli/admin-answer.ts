import { X509Certificate } from 'node:crypto'
import { Agent, type AgentOptions, request } from 'node:https'
import { checkServerIdentity, getCACertificates } from 'node:tls'
import type { Config } from '../config/config.ts'
import { Mistake } from '../mistake.ts'
import {
  type Answer,
  type Ask,
  answerOf,
  type Bounds,
  readBody,
  USUAL,
} from './sample-client/answer.ts'

/** Asks the admin listener. Throws a `Mistake`. */
export type Answering = (url: URL, ask?: Ask, bounds?: Bounds) => Promise<Answer>

/**
 * How a listener is asked that is configured so: besides by the authorities that this machine trusts, it is known by the
 * very certificate of `admin.tls`. That one may be self-signed, and name whatever it likes: only who has its key can show it.
 */
export const answeringFor = (tls: Config['admin']['tls']): Answering => {
  if (tls === undefined) return answerOf
  const agent = new Agent({ keepAlive: true, ...trusting(new X509Certificate(tls.cert)) })
  return (url, ask, bounds) =>
    url.protocol === 'https:' ? answerOver(agent, url, ask, bounds) : answerOf(url, ask, bounds)
}

const trusting = (own: X509Certificate): AgentOptions => ({
  ca: [...getCACertificates('default'), own.toString()],
  // Else one that an authority issued is nothing without that authority.
  allowPartialTrustChain: true,
  checkServerIdentity: (host, shown) =>
    own.raw.equals(shown.raw) ? undefined : checkServerIdentity(host, shown),
})

const answerOver = async (
  agent: Agent,
  url: URL,
  { method = 'GET', headers = {}, body }: Ask = {},
  { limit, patience }: Bounds = USUAL,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(patience)
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
    const asked = request(url, { agent, method, headers: { ...headers, ...length }, signal })
    asked.once('error', (error) => reject(mistake(url, error)))
    asked.once('response', (response) => {
      const fields = Object.entries(response.headersDistinct).flatMap(([name, values = []]) =>
        values.map((value): [string, string] => [name, value]),
      )
      const status = response.statusCode ?? 0
      readBody(response, limit).then(
        ({ text, cut }) => resolve({ status, headers: new Headers(fields), body: text, cut }),
        reject,
      )
    })
    asked.end(body)
  })

const mistake = ({ origin }: URL, error: Error & { readonly code?: string }): Mistake => {
  const code = error.code ?? error.message
  const what = OF_CERTIFICATES.test(code)
    ? 'shows a certificate that is not that of admin.tls, and that this machine does not trust'
    : 'does not answer'
  return new Mistake(`${origin} ${what} (${code})`, { cause: error })
}

const OF_CERTIFICATES = /CERT|SELF_SIGNED|UNABLE_TO|ALTNAME/
