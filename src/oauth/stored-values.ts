import type { Account } from '../store/accounts.ts'
import type { Client } from '../store/clients.ts'
import type { Grant } from '../store/grants.ts'

/** What the configuration stores with a grant: the person's values and the client's, which win where both have a name. */
export const storedValues = (
  client: Pick<Client, 'grantValues'>,
  account?: Pick<Account, 'grantValues'>,
): Pick<Grant, 'values'> => {
  const values = { ...account?.grantValues, ...client.grantValues }
  return Object.keys(values).length === 0 ? {} : { values }
}
