import * as z from 'zod/mini'
import { parsePath } from './route-path.ts'
import { list, object, optional, otherwise } from './section.ts'
import { choice, duration, integer, text } from './setting.ts'
import { parseServername, parseTarget } from './urls.ts'

// A timer takes no more than 24 days.
const BOUNDS = { min: 0.001, max: 86_400 }

const timeout = object('How long is waited for a target.', {
  connect: otherwise('2s', duration('For a connection; then another target, or 504.', BOUNDS)),
  response: otherwise(
    '60s',
    duration('For the head of the response, since the request was sent; then 504.', BOUNDS),
  ),
  idle: otherwise(
    '5m',
    duration('For the next byte of a body, in either direction; then the exchange is cut.', BOUNDS),
  ),
  stream: otherwise(
    '12h',
    duration('The same for event streams (text/event-stream), which may be silent for long.', {
      ...BOUNDS,
      max: 30 * 86_400,
    }),
  ),
})

const health = object(
  'Asks each target whether it is well; one that is not gets no requests. All unwell: 503.',
  {
    path: text('What is asked for with GET, on a connection of its own.', {}, parsePath),
    interval: otherwise(
      '5s',
      duration('How often, give or take a tenth.', { min: 0.1, max: 3600 }),
    ),
    timeout: otherwise(
      '2s',
      duration('For a connection and the head of the answer.', { min: 0.01, max: 60 }),
    ),
    status: optional(integer('The status of one that is well; default: 2xx and 3xx.', 200, 599)),
  },
)

const eject = object(
  'Leaves out for a while a target that fails: no connection, no answer in time, 502 or 504. While no other is left it is asked all the same.',
  {
    failures: otherwise(3, integer('So many in a row.', 1, 1000)),
    pause: otherwise(
      '1s',
      duration(
        'The first pause. After it one request is let through; if it fails, too, the next pause is twice as long.',
        {
          min: 0.01,
          max: 3600,
        },
      ),
    ),
    longest: otherwise('60s', duration('No pause is longer.', { min: 0.01, max: 86_400 })),
  },
)

const PEM = 'A file, looked for from the folder of the configuration, or PEM text.'

const tls = object('How https targets are known, and known to. They are always verified.', {
  ca: optional(text(`The authorities trusted instead of the public ones. ${PEM}`, {}, String)),
  cert: optional(text(`Certificate that is shown to targets. ${PEM}`, {}, String)),
  key: optional(text(`Its private key. ${PEM}`, {}, String)),
  servername: optional(
    text(
      'The name to ask for and to verify; default: the host of the target.',
      {},
      parseServername,
    ),
  ),
})

const url = text(
  'http or https URL of one target, optionally with a base path that goes before the request’s; or unix:/path/to/socket.',
  {},
  parseTarget,
)

const target = z.union([
  text('One target.', {}, (given) => ({ url: parseTarget(given), weight: 1 })),
  object('One target.', {
    url,
    weight: otherwise(1, integer('Its share of the requests beside the others’.', 1, 100)),
  }),
])

const pool = object('A service: its targets and how they are treated.', {
  targets: list('Where requests are spread over.', target).check(
    z.minLength(1, 'must have at least one target'),
  ),
  balance: otherwise(
    'roundRobin',
    choice(
      'Which target is next. roundRobin: in turn. leastInFlight: who has least to do. subject: the same for one subject of tokens (or address, without a token), as long as it is there.',
      ['roundRobin', 'leastInFlight', 'subject'],
    ),
  ),
  timeout: otherwise({}, timeout),
  health: optional(health),
  eject: otherwise({}, eject),
  connections: otherwise(
    256,
    integer('Connections kept to one target, hence its requests in flight.', 1, 65_535),
  ),
  inFlight: optional(
    integer(
      'Requests to all targets together; above it 503. Default: what connections allow.',
      1,
      1_000_000,
    ),
  ),
  tls: optional(tls),
})

const short = text('Short form: the URL of the only target.', {}, (given) =>
  z.parse(pool, { targets: [parseTarget(given)] }),
)

export const upstream = z.union([short, pool])
