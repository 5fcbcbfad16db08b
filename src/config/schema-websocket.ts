import * as z from 'zod/mini'
import { Wrong } from './problem.ts'
import { list, object, optional, otherwise } from './section.ts'
import { choice, duration, reference, setting, text } from './setting.ts'
import { parseOrigin } from './urls.ts'

const onOrOff = setting(
  'Whether they pass, from any origin and for any time.',
  { anyOf: [{ type: 'boolean' }, { type: 'string', pattern: '^(true|false)$|\\$\\{' }] },
  (value) => {
    if (typeof value === 'boolean') return value
    if (value === 'true' || value === 'false') return value === 'true'
    throw new Wrong('must be true, false or a mapping (key: value)', typeof value === 'object')
  },
)

const rules = object('They pass, under these rules.', {
  token: otherwise(
    'header',
    choice(
      'Where the token may stand. header: in Authorization. protocol: in Sec-WebSocket-Protocol as well, for pages in a browser, which cannot set a header: new WebSocket(url, ["bearer", token]).',
      ['header', 'protocol'],
    ),
  ),
  origins: optional(
    list(
      'Origins of the pages that may open one; another is 403. Programs that are no browser send none, and pass. Omitted: any.',
      text('Scheme, host and perhaps a port, as browsers send it.', {}, parseOrigin),
    ).check(z.minLength(1, 'must name an origin; leave the key out for any')),
  ),
  idle: optional(
    duration(
      'Without a byte in either direction it is closed (1001). Omitted: timeout.idle of the upstream.',
      { min: 0.001, max: 24 * 86_400 },
    ),
  ),
  lifetime: optional(
    duration('After so long it is closed (1001), whatever it does. Omitted: never.', {
      min: 0.001,
      max: 24 * 86_400,
    }),
  ),
})

export const websocket = z.union([onOrOff, rules]).register(reference, {
  description:
    'Whether WebSocket upgrades pass, under the same rules as requests; a mapping for rules of their own.',
})
