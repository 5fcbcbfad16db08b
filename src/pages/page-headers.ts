import { createHash } from 'node:crypto'

import { stylesheet } from './stylesheet.ts'

/**
 * Headers of every HTML answer. `form`: 'client' where the post may end in a redirect to a client, since browsers hold
 * the whole chain of redirects against form-action (then it is left out). `script`: CSP source of the page's script.
 */
export const pageHeaders = (options: {
  readonly form: 'self' | 'client'
  readonly script?: string
}): Record<string, string> => ({
  'Content-Security-Policy': policy(options),
  'X-Frame-Options': 'DENY',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
})

const policy = (options: { form: 'self' | 'client'; script?: string }): string =>
  [
    "default-src 'none'",
    `style-src '${styleHash}'`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
    ...(options.form === 'self' ? ["form-action 'self'"] : []),
    ...(options.script === undefined ? [] : [`script-src ${options.script}`, "connect-src 'self'"]),
  ].join('; ')

const styleHash = `sha256-${createHash('sha256').update(stylesheet).digest('base64')}`
