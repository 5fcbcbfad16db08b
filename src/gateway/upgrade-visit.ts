import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import { observeSeconds } from '../telemetry/histogram.ts'
import { statusClass } from '../telemetry/upstream-tally.ts'
import { answerFields } from './headers.ts'
import { answerHeadOf } from './http1/answer-head.ts'
import { isRefusal, type Refusal } from './refusal.ts'
import { refuseUpgrade } from './refuse.ts'
import { streamReason, UNAUTHORIZED } from './stream-end.ts'
import type { Stream, Streams } from './streams.ts'
import type { Upgrader } from './upgrade.ts'
import type { UpgradePlace } from './upgrade-place.ts'
import type { UpgradeOutcome, UpgradeTarget } from './upgrade-reply.ts'
import { ENDED } from './upstream-failure.ts'
import type { Target } from './upstreams.ts'
import type { Visit } from './visit.ts'

/** An upgrade that passed every check. */
export type Passage = {
  readonly visit: Visit
  readonly socket: Duplex
  readonly head: Buffer
  readonly place: UpgradePlace
  /** Given by the upstream; given back here. */
  readonly target: Target
  /** Flat, without Host. */
  readonly fields: readonly string[]
  readonly leave: (outcome: UpgradeOutcome) => void
}

/** Takes an upgrade to a target of its upstream, or to the next, and keeps its stream until it is over. */
export const forwardUpgrade = (
  passage: Passage,
  {
    upgrader,
    streams,
    clock,
  }: { readonly upgrader: Upgrader; readonly streams: Streams; readonly clock: Clock },
): void => {
  const { visit, socket, head, place } = passage
  const key = visit.token?.sub ?? visit.peer.address
  const stranger = visit.token === undefined
  const { upstream } = place.route
  const tried: Target[] = []
  let { target } = passage
  const way = upgrader.forward(visit.req, socket, head, upgradeTarget(passage, target), {
    responseHeaders(status, raw) {
      target.answered(status, clock() - visit.started)
      observeSeconds(place.route.tally.firstByte, clock() - visit.started)
      return answerFields(answerHeadOf(status, raw), visit)
    },
    refuse: (refused) => refuseUpgrade(socket, wordsFor(refused, place), visit.id),
    opened: () => streams.follow(stream, 'websocket'),
    retry(failure) {
      tried.push(target)
      const next = upstream.pick(key, stranger, tried)
      if (next === undefined || isRefusal(next)) return undefined
      target.failed(failure.error)
      target.leave(failure.error, stranger)
      target = next
      return upgradeTarget(passage, target)
    },
    done(outcome) {
      const { error, left = 'client' } = outcome
      streams.delete(stream, error === undefined ? left : streamReason(error))
      if (error !== undefined && !outcome.upgraded) target.failed(error)
      target.leave(error ?? statusClass(outcome.status), stranger)
      passage.leave(outcome)
    },
  })
  const stream: Stream = {
    req: visit.req,
    token: visit.token,
    onExpiry: place.route.onExpiry,
    tally: place.route.tally,
    patience: Number.POSITIVE_INFINITY,
    touched: 0,
    at: -1,
    deadline: Number.POSITIVE_INFINITY,
    kind: undefined,
    ended: ({ words, failure }) => way.end(UNAUTHORIZED, words, failure),
    expired() {},
  }
  streams.add(stream)
}

const upgradeTarget = (
  { place, fields }: Passage,
  { origin, base, host, timeout, dial }: Target,
): UpgradeTarget => {
  const { route, head, rules, offer } = place
  const { idle = timeout.idle, lifetime } = rules
  return {
    origin,
    dial: dial(),
    path: base + place.path,
    headers: ['Host', route.keepHost ? (head.host ?? host) : host, ...fields],
    timeout: route.timeout === undefined ? timeout : { ...timeout, response: route.timeout },
    limits: { idle, lifetime },
    offer,
  }
}

/** A token that ends while the upstream is still being asked is refused as any other. */
const wordsFor = (refused: Refusal, { route }: UpgradePlace): Refusal =>
  (refused === ENDED.refusal && route.guard?.invalid.get('revoked')) || refused
