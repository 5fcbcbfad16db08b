import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { PeerOf } from '../peer.ts'
import type { Lives } from '../store/lives.ts'
import { noteUse } from '../store/noted-use.ts'
import type { AccessToken, AccessTokens } from '../store/tokens.ts'
import { describeError } from '../telemetry/describe-error.ts'
import type { Observe } from '../telemetry/exchange.ts'
import type { Log } from '../telemetry/log.ts'
import type { RouteTallies } from '../telemetry/route-tally.ts'
import type { StreamCounts } from '../telemetry/stream-counts.ts'
import { createTallies, type Tallies } from '../telemetry/upstream-tally.ts'
import { answerOf } from './answer.ts'
import { authenticate } from './bearer.ts'
import { createCount } from './count.ts'
import { type Errand, stop } from './errand.ts'
import type { Question } from './explain.ts'
import type { Explanation } from './explanation.ts'
import { createForwarder } from './forward.ts'
import { requestFields } from './headers.ts'
import { createNames, type Resolve } from './names.ts'
import { createLocate, type Place } from './place.ts'
import { isRefusal, type Refusal, refusal } from './refusal.ts'
import { answerPreflight, refuse, refuseUpgrade } from './refuse.ts'
import { METHOD } from './request-head.ts'
import { stands } from './standing.ts'
import { ROUTE_ENDED, STOPPING } from './stream-end.ts'
import { createStreams } from './streams.ts'
import { createUpgrader } from './upgrade.ts'
import { upgradePlace } from './upgrade-place.ts'
import type { UpgradeOutcome } from './upgrade-reply.ts'
import { forwardUpgrade } from './upgrade-visit.ts'
import { CLIENT_GONE, ENDED, type Failure, TOO_LARGE } from './upstream-failure.ts'
import { createUpstreams, type Target } from './upstreams.ts'
import { causeFields, exchangeOf, openVisit, type Visit } from './visit.ts'

/** The data plane: everything between a request and its upstream, HTTP and WebSocket alike. */
export type Gateway = {
  /** False: not ours, a reserved path or one that no route names. Otherwise the request is answered, now or later. */
  handle(req: IncomingMessage, res: ServerResponse): boolean
  /** Always answers: CONNECT, too, which Node hands over in the same way. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void
  /** What would become of a request, by the same steps. Rejects only with what is a mistake of ours. */
  explain(question: Question): Promise<Explanation>
  /** Loads what the first request would load. */
  warm(): Promise<void>
  /** Whether a request would be let in with a token that is good. */
  admits(req: IncomingMessage, token: AccessToken | undefined): boolean
  /** Ends the WebSockets and event streams that the gateway of a newer configuration would not let in. */
  review(newer: Pick<Gateway, 'admits'>): void
  /** For a gateway that gets no more requests: closes it when those under way have finished. */
  retire(): Promise<void>
  /** Ends WebSockets and event streams; no other WebSocket comes in. Resolves when those are over. */
  endStreams(): Promise<void>
  close(): Promise<void>
}

/**
 * The pipeline, once: place (target, head, route), token, target of the upstream, fields, forward (RFC 6750,
 * RFC 9110 §7.6). With a token in memory nothing is awaited before the request is on its way.
 */
export const createGateway = (deps: {
  readonly config: Config
  readonly tokens: Pick<AccessTokens, 'find' | 'onEnded' | 'why' | 'inspect'>
  readonly lives: Lives
  readonly streams: StreamCounts
  readonly peer: PeerOf
  readonly observe: Observe
  readonly clock: Clock
  readonly log: Log
  readonly tallies?: Tallies
  readonly routes?: RouteTallies
  readonly resolve?: Resolve
}): Gateway => {
  const { config, tokens, clock, log } = deps
  const names = createNames(deps.resolve)
  const upstreams = createUpstreams(config, {
    clock,
    log,
    tallies: deps.tallies ?? createTallies(),
    lookup: names.lookup,
  })
  const locate = createLocate(config, upstreams, deps.routes)
  const streams = createStreams({ tokens, lives: deps.lives, counts: deps.streams, clock })
  const forwarder = createForwarder({ streams, names, clock })
  const upgrader = createUpgrader({ log })
  const name = new URL(config.issuer).host
  const via = [`1.0 ${name}`, `1.1 ${name}`] as const
  const visits = createCount()

  const enter = (req: IncomingMessage, found: Place | Refusal): Visit => {
    visits.add(1)
    if (!isRefusal(found)) found.route.tally.inFlight += 1
    return openVisit(req, deps.peer(req), clock())
  }
  const leave = (visit: Visit, status: number, upgraded = false) => {
    deps.observe(exchangeOf(visit, { status, now: clock(), upgraded }))
    if (visit.place !== undefined) visit.place.route.tally.inFlight -= 1
    visits.add(-1)
  }

  /** Takes a visit through its checks to a target of its upstream, or to a refusal. */
  const admit = (visit: Visit, found: Place | Refusal, on: Reception): void => {
    const deny = (refused: Refusal) => {
      visit.refusal = refused.reason
      visit.verdict = refused.verdict
      if (!on.gone()) on.deny(refused)
    }
    /** A mistake of ours stops this request, and no other. */
    const fail = (error: unknown) => {
      log.error('gateway.failed', { request_id: visit.id, error: describeError(error) })
      deny(FAILED)
    }
    const pass = (place: Place, token: AccessToken | undefined) => {
      visit.token = token
      if (on.gone()) return
      if (place.head.body !== undefined && Number(place.head.body) > place.route.maxBody) {
        deny(TOO_LARGE.refusal)
        return
      }
      const key = token?.sub ?? visit.peer.address
      const target = place.route.upstream.pick(key, token === undefined)
      if (target === undefined || isRefusal(target)) deny(target ?? FAILED)
      else on.pass(place, target)
    }
    const judge = (place: Place, token: AccessToken | Refusal) => {
      if (isRefusal(token)) deny(token)
      else pass(place, token)
    }
    try {
      if (isRefusal(found)) {
        deny(found)
        return
      }
      visit.place = found
      const { guard } = found.route
      if (guard === undefined || (guard.optional && found.head.authorization === undefined)) {
        pass(found, undefined)
        return
      }
      const token = authenticate(found.head.authorization, guard, tokens)
      if (!(token instanceof Promise)) judge(found, token)
      else token.then((settled) => judge(found, settled)).catch(fail)
    } catch (error) {
      fail(error)
    }
  }

  const fieldsOf = ({ id, peer, req, token }: Visit, { head }: Place): string[] =>
    requestFields(head, token, {
      id,
      peer,
      address: req.socket.remoteAddress ?? '',
      via: via[req.httpVersionMinor === 0 ? 0 : 1],
    })

  const request = (req: IncomingMessage, res: ServerResponse, found: Place | Refusal): void => {
    const visit = enter(req, found)
    let errand: Errand | undefined
    // Comes once; `once` would cost a wrapper.
    res.on('close', () => {
      if (!res.writableFinished) {
        if (errand !== undefined) stop(errand, CLIENT_GONE)
        visit.error ??= CLIENT_GONE.error
      }
      leave(visit, res.headersSent ? res.statusCode : 0)
    })
    const deny = (refused: Refusal) =>
      refuse(req, res, refused, visit.id, visit.place?.route.cors?.fields(req.headers.origin))
    const pass = (place: Place, target: Target) => {
      note(visit, place)
      errand = forwarder.forward({
        req,
        res,
        upstream: place.route.upstream,
        key: visit.token?.sub ?? visit.peer.address,
        target,
        path: place.path,
        fields: fieldsOf(visit, place),
        host: place.route.keepHost ? place.head.host : undefined,
        body: place.head.body,
        expects: place.head.expects,
        token: visit.token,
        onExpiry: place.route.onExpiry,
        tally: place.route.tally,
        response: place.route.timeout,
        maxBody: place.route.maxBody,
        answerFields: answerOf(req, place.route, visit, clock),
        moved(bytes) {
          visit.bytes += bytes
        },
        failed(failure, answered, cause) {
          visit.error = failure.error
          if (cause !== undefined) log.warn('upstream.failed', causeFields(visit, cause))
          if (!answered && !res.destroyed) deny(wordsFor(failure, place))
        },
      })
    }
    if (isRefusal(found) || found.preflight === undefined) {
      admit(visit, found, { gone: () => res.destroyed, pass, deny })
      return
    }
    visit.place = found
    answerPreflight(req, res, found.preflight, visit.id)
  }

  const tunnel = (req: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const place = req.method === 'CONNECT' ? METHOD : upgradePlace(req, locate(req))
    const visit = enter(req, place)
    socket.on('error', () => {})
    const deny = (refused: Refusal) => {
      refuseUpgrade(socket, refused, visit.id)
      leave(visit, refused.status)
    }
    const pass = (_: Place, target: Target) => {
      if (isRefusal(place)) return
      note(visit, place)
      const leaving = (outcome: UpgradeOutcome) => {
        visit.error = outcome.error
        visit.bytes = outcome.bytes
        leave(visit, outcome.status, outcome.upgraded)
      }
      const fields = fieldsOf(visit, place)
      forwardUpgrade(
        { visit, socket, head, place, target, fields, leave: leaving },
        { upgrader, streams, clock },
      )
    }
    admit(visit, place, { gone: () => false, pass, deny })
  }

  return {
    handle(req, res) {
      const place = locate(req)
      if (place === undefined) return false
      request(req, res, place)
      return true
    },
    upgrade: tunnel,
    async explain(question) {
      const { explain } = await import('./explain.ts')
      return explain(question, { config, tokens, clock, locate, upgradePlace, admit, fieldsOf })
    },
    async warm() {
      await upgrader.warm()
      upstreams.begin(forwarder.probe)
    },
    admits: (req, token) => stands(req, token, { locate, scopes: config.scopes }),
    review: (newer) => streams.review(({ req, token }) => newer.admits(req, token), ROUTE_ENDED),
    async retire() {
      upstreams.close()
      await visits.zero()
      forwarder.close()
      streams.close()
    },
    endStreams() {
      const over = upgrader.close()
      streams.review(({ kind }) => kind !== 'sse', STOPPING)
      return over
    },
    async close() {
      upstreams.close()
      await upgrader.close()
      forwarder.close()
      streams.close()
    },
  }
}

/** What differs between an HTTP request and an upgrade. */
type Reception = {
  /** Nobody waits for an answer any more. */
  gone(): boolean
  pass(place: Place, target: Target): void
  deny(refused: Refusal): void
}

/** For the pages that tell who used what he was given. */
const note = ({ token, started }: Visit, { route }: Place): void => {
  if (token?.use !== undefined) noteUse(token.use, started, route.use, token.scope)
}

const wordsFor = (failure: Failure, { route }: Place): Refusal =>
  (failure === ENDED && route.guard?.invalid.get('revoked')) || failure.refusal

const FAILED = refusal(500, 'server_error', 'Something failed on our side', { reason: 'failed' })
