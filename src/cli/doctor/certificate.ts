import { connect } from 'node:tls'

/** When the certificate of an https URL ends, seconds since the epoch. Undefined: it could not be seen. */
export const certificateUntil = (url: URL): Promise<number | undefined> =>
  new Promise((resolve) => {
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const port = Number(url.port || 443)
    const socket = connect({ host, port, servername: host, timeout: PATIENCE }, () => {
      const until = Date.parse(socket.getPeerCertificate().valid_to) / 1000
      done(Number.isNaN(until) ? undefined : until)
    })
    const done = (until: number | undefined) => {
      socket.destroy()
      resolve(until)
    }
    socket.once('error', () => done(undefined))
    socket.once('timeout', () => done(undefined))
  })

/** The certificate that is shown there, as DER, whoever may have issued it. Undefined: it could not be seen. */
export const shownCertificate = (url: URL): Promise<Buffer | undefined> =>
  new Promise((resolve) => {
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const port = Number(url.port || 443)
    // Nothing is sent, and nothing believed but what is compared.
    const options = { host, port, rejectUnauthorized: false, timeout: PATIENCE }
    const socket = connect(options, () => done(socket.getPeerCertificate().raw))
    const done = (shown: Buffer | undefined) => {
      socket.destroy()
      resolve(shown)
    }
    socket.once('error', () => done(undefined))
    socket.once('timeout', () => done(undefined))
  })

/** Milliseconds. */
const PATIENCE = 5000
