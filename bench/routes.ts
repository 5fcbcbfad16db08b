import type { RouteSettings } from '../src/config/config.ts'
import { isRefusal } from '../src/gateway/refusal.ts'
import { readTarget } from '../src/gateway/request-target.ts'
import { compileRoutes, type RouteTable } from '../src/gateway/routes.ts'
import { type Aim, median, verdict } from './aim.ts'

// What finding a request's route costs, among ten routes and among ten thousand: the target is read and its route is looked
// up, as for each request. Both ask for the same ten paths, so that what differs is the table alone, and the paths are made
// anew each time, as a parser makes them, so that no string brings its hash along. Tables take turns.

const FEW = 10
const MANY = 10_000
const ROUNDS = 21
const LOOKUPS = 20_000
/** What many may cost more than few. */
const AIM: Aim = { sign: '<=', wanted: 1.2 }

type Kind = {
  readonly name: string
  route(at: number): Pick<RouteSettings, 'path' | 'host'>
  request(at: number): { readonly host: string; readonly path: string }
}

const KINDS: readonly Kind[] = [
  {
    name: 'exact',
    route: (at) => ({ path: `/api/service${at}/status` }),
    request: (at) => ({ host: 'gw.example', path: `/api/service${at}/status` }),
  },
  {
    name: 'prefix',
    route: (at) => ({ path: `/api/service${at}/*` }),
    request: (at) => ({ host: 'gw.example', path: `/api/service${at}/items/42` }),
  },
  {
    name: 'parameter',
    route: (at) => ({ path: `/t/:tenant/service${at}/*` }),
    request: (at) => ({ host: 'gw.example', path: `/t/acme/service${at}/items/42` }),
  },
  {
    name: 'host',
    route: (at) => ({ path: '/api/*', host: `service${at}.example.com` }),
    request: (at) => ({ host: `service${at}.example.com`, path: '/api/items/42' }),
  },
  {
    name: 'wildcard host',
    route: (at) => ({ path: '/api/*', host: `*.service${at}.example.com` }),
    request: (at) => ({ host: `acme.service${at}.example.com`, path: '/api/items/42' }),
  },
]

const compile = ({ route }: Kind, count: number): RouteTable<string> =>
  compileRoutes(
    Array.from({ length: count }, (_, at) => ({
      upstream: 'one',
      access: 'public',
      allowEncodedSlash: false,
      upstreamHost: 'target',
      websocket: true,
      onExpiry: 'keep',
      ...route(at),
    })),
    ({ path, host }) => `${host ?? ''}${path}`,
  )

/** Nanoseconds of CPU a look-up. */
const measure = (table: RouteTable<string>, requests: readonly ReturnType<Kind['request']>[]) => {
  const wire = requests.map(({ host, path }) => [Buffer.from(host), Buffer.from(path)] as const)
  let found = 0
  const started = process.cpuUsage()
  for (let at = 0; at < LOOKUPS; at++) {
    const [host, path] = wire[at % wire.length] ?? NONE
    const target = readTarget(path.toString('latin1'))
    if (isRefusal(target)) continue
    if (table.match(host.toString('latin1'), target, 'GET') !== undefined) found += 1
  }
  const { user, system } = process.cpuUsage(started)
  if (found !== LOOKUPS) throw new Error(`${LOOKUPS - found} look-ups found nothing`)
  return ((user + system) * 1000) / LOOKUPS
}

const NONE = [Buffer.alloc(0), Buffer.alloc(0)] as const

const main = (): void => {
  const rows = KINDS.map(measureKind)
  if (process.argv.includes('--json')) console.log(JSON.stringify({ rows }, null, 2))
  else print(rows)
}

type Row = {
  readonly kind: string
  readonly few: number
  readonly many: number
  readonly ratio: number
  /** Every route in turn, so that the processor's caches help as little as they can. */
  readonly scattered: number
  /** The same requests, which take memory as well, where one route takes them all. */
  readonly alone: number
}

const measureKind = (kind: Kind): Row => {
  const [few, many, one] = [compile(kind, FEW), compile(kind, MANY), compile(EVERYTHING, 1)]
  const requests = Array.from({ length: FEW }, (_, at) => kind.request(at))
  const scattered = Array.from({ length: MANY }, (_, at) => kind.request((at * 7919) % MANY))
  const rounds = Array.from({ length: ROUNDS }, () => ({
    few: measure(few, requests),
    many: measure(many, requests),
    scattered: measure(many, scattered),
    alone: measure(one, scattered),
  })).slice(1)
  const of = (key: keyof (typeof rounds)[number]) => median(rounds.map((round) => round[key]))
  return {
    kind: kind.name,
    few: of('few'),
    many: of('many'),
    ratio: of('many') / of('few'),
    scattered: of('scattered'),
    alone: of('alone'),
  }
}

const EVERYTHING: Kind = {
  name: 'everything',
  route: () => ({ path: '/*' }),
  request: () => ({ host: 'gw.example', path: '/' }),
}

const print = (rows: readonly Row[]): void => {
  console.log(
    `ns of CPU a look-up, median of ${ROUNDS - 1} rounds; ratio wanted: ${AIM.sign} ${AIM.wanted}`,
  )
  console.log(`| routes | ${FEW} | ${MANY} | ratio | ${MANY} in turn | these, one route |`)
  console.log('| --- | --- | --- | --- | --- | --- |')
  for (const { kind, ratio, ...times } of rows) {
    const [few, many, scattered, alone] = [times.few, times.many, times.scattered, times.alone].map(
      (time) => time.toFixed(0),
    )
    console.log(`| ${kind} | ${few} | ${many} | ${ratio.toFixed(2)} | ${scattered} | ${alone} |`)
  }
  const worst = Math.max(...rows.map(({ ratio }) => ratio))
  console.log(`the greatest ratio: ${worst.toFixed(2)}  ${verdict(worst, AIM)}`)
}

main()
