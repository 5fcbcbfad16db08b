import { grantValues } from './grant-values.ts'
import { Wrong } from './problem.ts'
import { displayed, scopeOf } from './schema-client.ts'
import { object, optional } from './section.ts'
import { choice, flag, text } from './setting.ts'

/** Not judged here: whether a hash is needed depends on `demo` (check-accounts.ts). */
const password = text(
  'An argon2id hash, from: portcullis hash-password. In the demo it may be the password itself. In a shell, put single quotes around a hash: it is full of $.',
  {},
  String,
)

export const account = object('A person.', {
  username: text('What the person signs in with.', {}, displayed),
  password,
  sub: optional(
    text(
      'The subject of this person’s tokens, which never changes (RFC 7662 sub; X-Auth-Subject). Omitted: the username. Must not begin with client:.',
      {},
      (sub) => {
        if (sub.length > 255) throw new Wrong('must not be longer than 255 characters')
        return displayed(sub)
      },
    ),
  ),
  name: optional(text('What pages call the person.', {}, displayed)),
  email: optional(text('Address of the person.', {}, parseEmail)),
  scope: optional(
    scopeOf('Scopes that this person may grant, separated by spaces. Omitted: every scope.'),
  ),
  grantValues: optional(grantValues('by this person')),
  admin: optional(
    choice(
      'May sign in to the console. viewer: see; operator: also make and change clients, disable, and end grants and sessions; owner: everything. Omitted: not at all.',
      ['viewer', 'operator', 'owner'],
    ),
  ),
  disabled: optional(
    flag(
      'Whether this person may no longer sign in. What applications were given ends at once, and stays ended when it is false again. Omitted: false.',
    ),
  ),
})

function parseEmail(given: string): string {
  if (!/^[^\s@]+@[^\s@]+$/.test(given)) throw new Wrong('must be an e-mail address')
  return displayed(given)
}
