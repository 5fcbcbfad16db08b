import type { Config, TokenLifetimes } from '../config/config.ts'
import type { Client } from '../store/clients.ts'

/** The lifetimes of what a client receives, in seconds: its own where it has some. */
export const lifetimesOf = (
  client: Pick<Client, 'tokens'>,
  config: Pick<Config, 'tokens'>,
): TokenLifetimes => ({ ...config.tokens, ...client.tokens })
