import { object, otherwise } from './section.ts'
import { duration, integer, size } from './setting.ts'

const failures = (description: string, points: number, span: string) =>
  otherwise(
    {},
    object(description, {
      points: otherwise(
        points,
        integer('Failures that are let through; the next attempt is 429.', 1, 1_000_000),
      ),
      duration: otherwise(
        span,
        duration('In how long, counted from the first of them.', { max: 86_400 }),
      ),
    }),
  )

/** What can be made without proving who one is; what is made lives for a while, so that `total` bounds the rows too. */
const creations = (
  description: string,
  limit: { readonly points: number; readonly duration: string; readonly total: number },
) =>
  otherwise(
    {},
    object(description, {
      points: otherwise(
        limit.points,
        integer('So many from one address; the next is 429.', 1, 1_000_000),
      ),
      duration: otherwise(
        limit.duration,
        duration('In how long, counted from the first of them.', { max: 86_400 }),
      ),
      total: otherwise(limit.total, integer('So many from all addresses together.', 1, 10_000_000)),
    }),
  )

export const limits = object(
  'What is bounded. Failures are throttled, by account or client and address together, and what strangers can create; what else succeeds is not counted.',
  {
    passwords: failures('Wrong passwords of one account from one address.', 10, '10m'),
    clientSecrets: failures(
      'Wrong secrets of one client from one address; by the same measure, wrong admin tokens from one.',
      20,
      '10m',
    ),
    pushedRequests: creations(
      'Authorization requests pushed by public clients (RFC 9126). A client that proves who it is has a total of its own and no bound by address.',
      { points: 60, duration: '1m', total: 6000 },
    ),
    userCodes: failures(
      'Wrong codes of devices (RFC 8628) that one person enters, from wherever; ten times as many from one address.',
      5,
      '1m',
    ),
    deviceCodes: creations(
      'Device codes for public clients (RFC 8628). A client that proves who it is has a total of its own and no bound by address.',
      { points: 20, duration: '1m', total: 1000 },
    ),
    registrations: creations(
      'Clients that register themselves (RFC 7591), and changes that they make to that. With an initial access token total alone bounds.',
      { points: 100, duration: '1h', total: 2000 },
    ),
    registeredClients: otherwise(
      20_000,
      integer(
        'Clients that registered themselves, at a time; one more is 503 until some have expired. About 1 KB each, in the store.',
        1,
        10_000_000,
      ),
    ),
    formBody: otherwise(
      '64kb',
      size(
        'Largest form or document that our own endpoints read; a larger one is 413. Does not bound what routes forward.',
        1024,
        16_777_216,
      ),
    ),
    connections: otherwise(
      16_384,
      integer(
        'Connections to the public listener at a time, fewer where the process may not open as many files. One more is closed at once.',
        1,
        1_000_000,
      ),
    ),
    cachedTokens: otherwise(
      100_000,
      integer('Access tokens held in memory, about 1 KB each.', 1, 10_000_000),
    ),
  },
)
