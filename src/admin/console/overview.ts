import type Router from '@koa/router'
import { live, overviewPage, type Traffic } from '../../pages/console/overview.ts'
import type { ConsoleRoom } from './console.ts'
import { page } from './forms.ts'
import { type Sample, sum } from './samples.ts'
import { frameOf } from './shown-frame.ts'

export const overviewPages = (router: Router, room: ConsoleRoom): void => {
  router.get(
    '/',
    page(room, 'viewer', async (ctx) => {
      ctx.body = overviewPage(frameOf(ctx, room), await seen(room))
    }),
  )
  router.get(
    '/live',
    page(room, 'viewer', async (ctx) => {
      ctx.body = live(await seen(room)).markup
    }),
  )
}

const seen = async (room: ConsoleRoom) => ({
  traffic: trafficOf(room.samples.all()),
  facts: await factsOf(room),
})

const trafficOf = (samples: readonly Sample[]): Traffic => ({
  requests: samples.map(({ requests }) => requests),
  failures: samples.map(({ failures }) => failures),
  refusals: samples.map(({ refusals }) => refusals),
  median: samples.map(({ median }) => median),
  p99: samples.map(({ p99 }) => p99),
  hits: samples.map(({ hits }) => hits),
  lag: samples.map(({ lag }) => lag),
})

/** Served although the store is away: that is what it says then. */
const factsOf = async ({
  stores,
  problems,
  targets,
  config,
  samples,
  clock,
  started,
}: ConsoleRoom) => {
  const isReachable = await stores.store.ping().then(
    () => stores.store.channel.healthy(),
    () => false,
  )
  const down = (await targets()).filter(({ up }) => !up)
  const found = problems()
  return [
    { name: 'Store', value: isReachable ? 'answers' : 'does not answer', alarm: !isReachable },
    {
      name: 'Targets',
      value: down.length === 0 ? 'all up' : `${down.length} down`,
      alarm: down.length > 0,
    },
    {
      name: 'Configuration',
      value: found.length === 0 ? 'in force' : 'the file has problems',
      alarm: found.length > 0,
    },
    { name: 'Routes', value: String(config().routes.length) },
    { name: 'Open streams', value: String(sum(samples.now(), 'portcullis_streams')) },
    { name: 'Tokens in memory', value: String(sum(samples.now(), 'portcullis_cached_tokens')) },
    { name: 'Up for', value: lasting(clock() - started) },
  ]
}

const lasting = (seconds: number): string => {
  if (seconds < 120) return `${Math.floor(seconds)} s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`
  return seconds < 172_800
    ? `${Math.floor(seconds / 3600)} h`
    : `${Math.floor(seconds / 86_400)} days`
}
