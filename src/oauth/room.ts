import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { PeerOf } from '../peer.ts'
import type { Stores } from '../store/open.ts'
import type { Log } from '../telemetry/log.ts'
import type { ClientKeys } from './client-keys.ts'
import type { Cookie } from './cookies.ts'
import type { Throttles } from './throttle.ts'

/** What every endpoint of the authorization server works with. */
export type Room = {
  readonly config: Config
  readonly stores: Stores
  readonly peer: PeerOf
  readonly clock: Clock
  readonly log: Log
  readonly cookies: { readonly session: Cookie; readonly browser: Cookie }
  readonly throttles: Throttles
  readonly clientKeys: ClientKeys
}

/** Who asks, for the audit log and the throttles. */
export type Caller = { readonly remote: string; readonly request_id: string }

/** Public URL of one of our endpoints, from the configuration alone: `Host` has no say (RFC 8414 §3.3). */
export const endpointUrl = (config: Pick<Config, 'issuer' | 'paths'>, name: string): string =>
  `${config.issuer.replace(/\/$/, '')}${config.paths.oauth}/${name}`

/** Its path, as a browser sees it. */
export const endpointPath = (config: Pick<Config, 'issuer' | 'paths'>, name: string): string =>
  new URL(endpointUrl(config, name)).pathname
