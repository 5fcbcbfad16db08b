import type Koa from 'koa'

import type { StoredClient } from '../store/clients.ts'
import { answerJson } from './endpoint.ts'
import { endpointUrl, type Room } from './room.ts'

/** RFC 7591 §3.2.1, RFC 7592 §3: all that is registered, defaults included. A secret is shown once, when it is made. */
export const answerClient = (
  ctx: Koa.Context,
  stored: StoredClient,
  shown: { readonly secret: string | undefined; readonly access: string },
  { config }: Pick<Room, 'config'>,
): void => {
  const { secrets, access_digest, source, created, introspect, tokens, require_pkce, ...told } =
    stored
  const all = config.registrationPolicy.scope ?? [...config.scopes.keys()].join(' ')
  const scope = stored.scope ?? all
  answerJson(ctx, {
    ...told,
    token_endpoint_auth_method: stored.token_endpoint_auth_method ?? 'client_secret_basic',
    client_id_issued_at: created,
    ...(shown.secret !== undefined && {
      client_secret: shown.secret,
      client_secret_expires_at: 0,
    }),
    response_types: stored.grant_types.includes('authorization_code') ? ['code'] : [],
    ...(scope !== '' && { scope }),
    registration_access_token: shown.access,
    registration_client_uri: `${endpointUrl(config, 'register')}/${stored.client_id}`,
  })
}
