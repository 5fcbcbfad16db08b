import { type IncomingHttpHeaders, request } from 'node:http'
import { request as secureRequest } from 'node:https'
import type { TLSSocket } from 'node:tls'

export type TlsAnswer = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** The certificate that was shown, as DER. */
  readonly shown: Buffer | undefined
}

type Sent = {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** The address to come from. */
  readonly localAddress?: string
}

/** One request on a connection of its own, by https (whoever the certificate is of) or http. */
export const ask = (url: string, { body, ...sent }: Sent = {}): Promise<TlsAnswer> =>
  new Promise((resolve, reject) => {
    const options = { ...sent, agent: false, rejectUnauthorized: false }
    const asked = (url.startsWith('https:') ? secureRequest : request)(url, options, (res) => {
      const shown = (res.socket as Partial<TLSSocket>).getPeerCertificate?.().raw
      let text = ''
      res.setEncoding('utf8')
      res.on('data', (chunk: string) => {
        text += chunk
      })
      res.on('error', reject)
      res.on('end', () =>
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: text, shown }),
      )
    })
    asked.on('error', reject)
    asked.end(body)
  })
