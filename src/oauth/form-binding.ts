import type { IncomingMessage } from 'node:http'

import { OAuthError } from './errors.ts'
import type { Parameters } from './parameters.ts'
import type { Room } from './room.ts'

/** What a form may be posted for: in this browser, and no other request or person than it was shown for. */
export type FormBinding = readonly [
  form: 'login' | 'consent' | 'logout' | 'user-code' | 'device' | 'apps' | 'password',
  browser: string,
  ...string[],
]

/** The hidden value that binds a form. */
export const bindForm = (binding: FormBinding, { stores }: Pick<Room, 'stores'>): string =>
  stores.secrets.tag('csrf', binding)

/** Throws 403 for a post that does not come from the form that we showed (RFC 6749 §10.12). */
export const checkBinding = (
  parameters: Parameters,
  binding: FormBinding,
  { stores }: Pick<Room, 'stores'>,
): void => {
  if (!stores.secrets.verifyTag('csrf', binding, parameters.get('csrf') ?? '')) throw forged()
}

/**
 * Throws 403 for a post that a browser says came from another site. Where it says nothing, the binding of the form
 * decides; `Origin: null` is what browsers send from pages that keep their address to themselves, as ours do.
 */
export const refuseCrossSite = (req: IncomingMessage, { config }: Pick<Room, 'config'>): void => {
  const site = req.headers['sec-fetch-site']
  if (site === 'same-origin' || site === 'none') return
  const { origin, host } = req.headers
  if (site !== undefined) throw forged()
  if (origin === undefined || origin === 'null' || origin === new URL(config.issuer).origin) return
  if (URL.parse(origin)?.host !== host) throw forged()
}

const forged = (): OAuthError =>
  new OAuthError('access_denied', 'this form was not sent from the page that we showed', {
    status: 403,
  })
