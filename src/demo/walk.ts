import type { Call, Exchange } from './exchange.ts'
import type { Setup } from './setup.ts'

/** How far one browser has come. Never changed in place: each step makes the next one. */
export type Walk = {
  /** The step that is to be taken; after the last one, `LAST_STEP + 1`. */
  readonly next: number
  readonly taken: ReadonlyMap<number, Taken>
  readonly authorization?: Authorization
  readonly code?: string
  readonly access_token?: string
  readonly refresh_token?: string
  /** Every secret that was met, so that the page can mark it. */
  readonly secrets: readonly Secret[]
  /** The walk cannot go on without another authorization. */
  readonly stuck: boolean
  /** The person asked for all steps at once: go on after the callback. */
  readonly hurried: boolean
}

export type Secret = { readonly name: string; readonly value: string }

/** A step that was made: what went over the wire, and what to notice. */
export type Taken = {
  readonly exchange?: Exchange
  readonly note: Note
}

export type Note = { readonly tone: 'good' | 'bad'; readonly text: string }

/** An authorization request and what its answer must match (RFC 6749 §4.1.1, RFC 7636 §4.1). */
export type Authorization = {
  readonly parameters: ReadonlyMap<string, string>
  readonly url: string
  readonly state: string
  readonly code_verifier: string
}

export const LAST_STEP = 9

/** What a step may use: the application's settings, and HTTP. */
export type World = { readonly setup: Setup; readonly call: Call }

/** Makes the walk one step longer. */
export type Step = (walk: Walk, world: World) => Walk | Promise<Walk>

export const newWalk = (): Walk => ({
  next: 1,
  taken: new Map(),
  secrets: [],
  stuck: false,
  hurried: false,
})

/** The walk after `step`: on to the next one, with what the step `left`. */
export const stepped = (
  walk: Walk,
  step: number,
  taken: Taken,
  left: Partial<Omit<Walk, 'taken' | 'secrets' | 'next'>> & { secrets?: readonly Secret[] } = {},
): Walk => ({
  ...walk,
  ...left,
  next: step + 1,
  taken: new Map(walk.taken).set(step, taken),
  secrets: withSecrets(walk.secrets, left.secrets ?? []),
})

/** The walk when `step` failed in a way that only another authorization mends. */
export const stranded = (walk: Walk, step: number, taken: Taken): Walk => ({
  ...stepped(walk, step, taken, { stuck: true, hurried: false }),
  next: step,
})

/** Back to the authorization request; what was shown before it stays. */
export const askedAgain = (walk: Walk): Walk => ({
  next: walk.taken.has(1) ? 2 : 1,
  taken: new Map([...walk.taken].filter(([step]) => step < 2)),
  secrets: walk.secrets,
  stuck: false,
  hurried: false,
})

const withSecrets = (known: readonly Secret[], met: readonly Secret[]): readonly Secret[] => [
  ...known,
  ...met.filter(({ value }) => value !== '' && !known.some((secret) => secret.value === value)),
]

export const good = (text: string): Note => ({ tone: 'good', text })
export const bad = (text: string): Note => ({ tone: 'bad', text })

export const ANOTHER_ANSWER = bad('Not the answer that was expected. Its body says why.')
