import { parseNetwork } from './address.ts'
import { list, object, optional, otherwise } from './section.ts'
import { text } from './setting.ts'

export const fetchSettings = object(
  'How documents are fetched that clients name (jwks_uri): by https from public addresses, without redirects, 64 KiB at most, in 5 seconds.',
  {
    privateNetworks: otherwise(
      [],
      list(
        'Networks that documents may come from although they are not public. Empty: none, so that no client can make this server call what only it can reach.',
        text('An address or a network: 10.1.0.0/16, fd00::/8.', {}, parseNetwork),
      ),
    ),
    ca: optional(
      text(
        'Authorities whose certificates are believed there, besides those that Node trusts: a PEM file, from the folder of this file, or the PEM itself.',
        {},
        String,
      ),
    ),
  },
)
