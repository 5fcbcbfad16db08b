import { object, otherwise } from './section.ts'
import { duration } from './setting.ts'

export const LIFETIMES = {
  accessToken: 'How long an access token is good.',
  refreshToken:
    'How long a refresh token is good since its last use. An application that comes back within this time stays signed in.',
  grant: 'How long a grant is good since the person allowed it, whatever happens in between.',
  refreshRetry:
    'How long a used refresh token still answers, with the same successor: a client whose answer was lost may ask again. Half of the access token’s life at most, and by default where that is less than 60s.',
}

export const tokens = object('Lifetimes. A client may have its own (clients[].tokens).', {
  accessToken: otherwise('10m', duration(LIFETIMES.accessToken, { whole: true })),
  refreshToken: otherwise('30d', duration(LIFETIMES.refreshToken, { whole: true })),
  grant: otherwise('180d', duration(LIFETIMES.grant, { whole: true })),
  authorizationCode: otherwise(
    '60s',
    duration(
      'How long an authorization code waits to be redeemed (RFC 6749 §4.1.2: 10m at most).',
      {
        max: 600,
        whole: true,
      },
    ),
  ),
  pushedRequest: otherwise(
    '60s',
    duration(
      'How long a pushed authorization request waits to be opened in a browser (RFC 9126 §2.2). Once it is, the person has half an hour.',
      { min: 5, max: 600, whole: true },
    ),
  ),
  deviceCode: otherwise(
    '10m',
    duration(
      'How long a device waits for a person to enter its code and allow it (RFC 8628 §3.2).',
      { min: 60, max: 600, whole: true },
    ),
  ),
  refreshRetry: otherwise('60s', duration(LIFETIMES.refreshRetry, { min: 0 })),
  cache: otherwise(
    '5m',
    duration(
      'How long a checked token may be served from memory before it is read again. Revocation does not wait for this: it is pushed.',
      { min: 0, max: 86_400 },
    ),
  ),
  graceWithoutStore: otherwise(
    '10s',
    duration(
      'How long cached tokens still pass while the store cannot be reached; then 503. 0s: refused at once.',
      { min: 0, max: 3600 },
    ),
  ),
})

export const sessions = object('Sign-in sessions of people in their browser.', {
  idle: otherwise('1h', duration('Ends a session that was not used for so long.', { min: 1 })),
  absolute: otherwise('12h', duration('Ends every session so long after its sign-in.', { min: 1 })),
})
