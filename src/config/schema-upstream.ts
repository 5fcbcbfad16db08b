import * as z from 'zod/mini'
import { parsePath } from './route-path.ts'
import { list, object, optional, otherwise } from './section.ts'
import { duration, integer, text } from './setting.ts'
import { parseTarget } from './urls.ts'

// A timer takes no more than 24 days.
const BOUNDS = { min: 0.001, max: 86_400 }

const timeout = object('How long is waited for a target.', {
  connect: otherwise('2s', duration('For a connection; then another target, or 502.', BOUNDS)),
  response: otherwise(
    '60s',
    duration('For the head of the response, since the request was sent; then 504.', BOUNDS),
  ),
  idle: otherwise(
    '5m',
    duration('For the next byte of a body, in either direction; then the exchange is cut.', BOUNDS),
  ),
})

const health = object('Asks each target whether it is well; one that is not gets no requests.', {
  path: text('What is asked for with GET; 2xx and 3xx are well.', {}, parsePath),
  interval: otherwise('5s', duration('How often.', { min: 0.1, max: 3600 })),
})

const pool = object('A service: its targets and how they are treated.', {
  targets: list(
    'Origins that requests are spread over.',
    text(
      'http or https URL of one target, optionally with a base path that goes before the request’s.',
      {},
      parseTarget,
    ),
  ).check(z.minLength(1, 'must have at least one target')),
  timeout: otherwise({}, timeout),
  health: optional(health),
  connections: otherwise(
    256,
    integer('Connections kept to one target, hence its requests in flight.', 1, 65_535),
  ),
})

const short = text('Short form: the URL of the only target.', {}, (url) =>
  z.parse(pool, { targets: [parseTarget(url)] }),
)

export const upstream = z.union([short, pool])
