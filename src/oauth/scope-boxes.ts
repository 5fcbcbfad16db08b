import type { ConsentScope } from '../pages/consent.ts'
import type { Account } from '../store/accounts.ts'
import { invalidRequest } from './errors.ts'
import { grantableScope } from './next-step.ts'
import type { Parameters } from './parameters.ts'
import type { RememberedConsent } from './remembered-consent.ts'
import type { Room } from './room.ts'

/** What somebody asks a person for. */
type Asked = { readonly scope: readonly string[] }

/** The boxes of a consent form. `former`: what the person allowed the client before; `ticked`: those that can be are. */
export const scopeBoxes = (
  asked: Asked,
  account: Account,
  shown: { readonly former: RememberedConsent | undefined; readonly ticked: boolean },
  { config }: Pick<Room, 'config'>,
): readonly ConsentScope[] => {
  const grantable = grantableScope(asked, account)
  return asked.scope.map((name) => {
    const offered = grantable.includes(name)
    const words = config.scopes.get(name) ?? name
    return { name, words, offered, checked: shown.ticked && offered, ...historyOf(name, shown) }
  })
}

const historyOf = (
  name: string,
  { former }: { readonly former: RememberedConsent | undefined },
): Pick<ConsentScope, 'history'> => {
  if (former === undefined) return {}
  if (former.scope.includes(name)) return { history: 'allowed' }
  return { history: former.reworded.includes(name) ? 'reworded' : 'new' }
}

/** What was ticked of them, in the order of the request. Throws `invalid_request` for what had no box. */
export const tickedScope = (
  asked: Asked,
  account: Account,
  parameters: Parameters,
): readonly string[] => {
  const offered = grantableScope(asked, account)
  const ticked = parameters.all('scope')
  if (!ticked.every((name) => offered.includes(name)))
    throw invalidRequest('a scope was not offered')
  return offered.filter((name) => ticked.includes(name))
}
