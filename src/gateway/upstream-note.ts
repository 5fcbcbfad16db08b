import type { Target, Upstream } from './upstreams.ts'

/** A pool as it stands at this moment. */
export type UpstreamNote = {
  readonly name: string
  /** Origin of the target that would get the request; undefined: it does not come so far, or none is free. */
  readonly chosen?: string
  readonly targets: readonly { readonly origin: string }[]
}

export const upstreamNote = (
  { name, targets }: Upstream,
  chosen: Target | undefined,
): UpstreamNote => ({
  name,
  ...(chosen && { chosen: chosen.origin }),
  targets: targets.map(({ origin }) => ({ origin })),
})
