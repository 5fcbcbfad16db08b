import type { Config, Listen } from './config/config.ts'
import { createDeparted } from './departed.ts'
import { createPost, type Post, type PostDeps } from './post.ts'
import type { StopOptions } from './server.ts'
import type { Log } from './telemetry/log.ts'
import type { Metrics, Snapshot } from './telemetry/metrics.ts'
import type { RefusalQuery } from './telemetry/refusals.ts'
import type { Assignment, Stand } from './worker.ts'

/** The workers, each at its post. */
export type Fleet = {
  /** Where they listen in public; undefined until the first one does. */
  listen(): Listen | undefined
  /** Resolves when all listen; throws what one of them fails with. */
  start(count: number): Promise<Stand>
  /** All take the configuration on, or none does: then it throws why. Between the two phases `commit` is called. */
  change(config: Config, commit: () => void): Promise<void>
  tell(name: string, body: unknown): void
  /** Resolves to the number of connections that had to be cut. */
  stop(options: StopOptions & { limit: number }): Promise<number>
}

export const createFleet = (deps: {
  readonly log: Log
  readonly metrics: Metrics
  readonly turn: (() => Promise<void>) | undefined
  readonly onTakeover: () => void
  readonly assignment: (number: number) => Omit<Assignment, 'complete'>
}): Fleet => {
  const { log, metrics } = deps
  let posts: readonly Post[] = []
  let stand: Stand | undefined
  let complete = false
  const departed = createDeparted()
  const manned = () => posts.filter((post) => post.ready())

  const countAll = async (): Promise<readonly Snapshot[]> => {
    const living = manned().map((post) => post.snapshot())
    return [await metrics.snapshot(), departed.snapshot(), ...(await Promise.all(living))]
  }
  metrics.gauge('portcullis_workers', 'Workers that serve', () => manned().length)
  metrics.counter('portcullis_worker_restarts_total', 'Workers that ended and were replaced', () =>
    posts.reduce((sum, post) => sum + post.restarts(), 0),
  )

  let arrived = 0
  const turned = Promise.withResolvers<void>()
  const handlers: PostDeps['handlers'] = {
    metrics: countAll,
    targets: () => Promise.all(manned().map((post) => post.targets())),
    refusals: (query: RefusalQuery) => Promise.all(manned().map((post) => post.refusals(query))),
    takeover: () => deps.onTakeover(),
    // Nobody is told to go before all are there to take over.
    async turn() {
      arrived += 1
      if (arrived === posts.length) void deps.turn?.().then(turned.resolve, turned.reject)
      await turned.promise
    },
  }
  const watch = setInterval(() => {
    for (const post of posts) post.look()
  }, LOOK_MS).unref()

  return {
    listen: () => stand?.listen,
    async start(count) {
      const assignment = (number: number) => ({ ...deps.assignment(number), complete })
      posts = Array.from({ length: count }, (_, index) =>
        createPost({ number: index + 1, assignment, handlers, log, onDeparture: departed.add }),
      )
      const [first, ...rest] = posts
      // The first tells what is wrong, and where the others are to listen; unless all have to wait for each other.
      const early = deps.turn === undefined ? await first?.man() : undefined
      stand = early
      const stands = await Promise.all([early ?? first?.man(), ...rest.map((post) => post.man())])
      stand = stands[0]
      if (stand === undefined) throw new Error('there is no worker')
      complete = true
      for (const post of posts) {
        post.tell('complete', undefined)
        post.keep()
      }
      return stand
    },
    async change(config, commit) {
      const asked = manned().map((post) => post.prepare(config))
      const changes = await Promise.all(asked)
      const refused = changes.find(({ refusal }) => refusal !== undefined)
      if (refused !== undefined) {
        await Promise.all(changes.map(({ abort }) => abort()))
        throw refused.refusal
      }
      commit()
      await Promise.all(changes.map((change) => change.commit()))
      // Those that were starting with the former one meanwhile.
      for (const post of posts) post.renew(config)
    },
    tell(name, body) {
      for (const post of manned()) post.tell(name, body)
    },
    async stop(options) {
      clearInterval(watch)
      const cut = await Promise.all(posts.map((post) => post.stop(options)))
      log.debug('workers.stopped')
      return cut.reduce((sum, one) => sum + one, 0)
    },
  }
}

const LOOK_MS = 1000
