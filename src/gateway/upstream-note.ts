import type { Target, Upstream } from './upstreams.ts'

/** A pool as it stands at this moment. Targets by the names that they have in the configuration, logs and metrics. */
export type UpstreamNote = {
  readonly name: string
  /** The target that would get the request; undefined: it does not come so far, or none can be asked. */
  readonly chosen?: string
  readonly targets: readonly {
    readonly target: string
    /** `unwell`: its health check fails. `ejected`: its requests failed. */
    readonly state: ReturnType<Target['state']>
  }[]
}

export const upstreamNote = (
  { name, targets }: Upstream,
  chosen: Target | undefined,
): UpstreamNote => ({
  name,
  ...(chosen && { chosen: chosen.name }),
  targets: targets.map((target) => ({ target: target.name, state: target.state() })),
})
