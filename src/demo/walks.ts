import { randomBytes } from 'node:crypto'
import { newWalk, type Walk } from './walk.ts'

/** The walks of all browsers, in memory: the oldest goes when there are too many. */
export type Walks = {
  /** The id of a walk that is there: the one given, or a new one. */
  enter(id: string | undefined): string
  get(id: string | undefined): Walk | undefined
  /** Changes a walk; changes of one walk run one after the other. Resolves to what came of it. */
  change(id: string, step: (walk: Walk) => Walk | Promise<Walk>): Promise<Walk>
}

export const createWalks = (limit = 200): Walks => {
  const walks = new Map<string, Walk>()
  const running = new Map<string, Promise<unknown>>()

  const keep = (id: string, walk: Walk): Walk => {
    walks.delete(id)
    walks.set(id, walk)
    const oldest = walks.keys().next().value
    if (walks.size > limit && oldest !== undefined) walks.delete(oldest)
    return walk
  }

  return {
    enter(id) {
      if (id !== undefined && walks.has(id)) return id
      const fresh = randomBytes(24).toString('base64url')
      keep(fresh, newWalk())
      return fresh
    },
    get: (id) => (id === undefined ? undefined : walks.get(id)),
    change(id, step) {
      const before = running.get(id) ?? Promise.resolve()
      const change = before.then(async () => keep(id, await step(walks.get(id) ?? newWalk())))
      const settled = change
        .catch(() => {})
        .then(() => {
          if (running.get(id) === settled) running.delete(id)
        })
      running.set(id, settled)
      return change
    },
  }
}
