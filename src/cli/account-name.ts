import { type AdminConnection, AdminRefusal, apiPath } from './admin-connection.ts'
import { listItems } from './pages.ts'

/** The sub of an account, by its sub or else by its username. What is neither is left as it is: it may have been a sub. */
export const subOf = async (gateway: AdminConnection, name: string): Promise<string> => {
  try {
    await gateway.get(apiPath(['accounts', name]))
    return name
  } catch (error) {
    if (!(error instanceof AdminRefusal && error.status === 404)) throw error
  }
  const { items } = await listItems<{ readonly sub: string; readonly username: string }>(
    gateway,
    ['accounts'],
    { search: name.slice(0, LONGEST_SEARCH) },
    { all: true },
  )
  return items.find(({ username }) => username === name)?.sub ?? name
}

/** As the API takes it. */
const LONGEST_SEARCH = 200
