import { checkScopes, checkTwice } from './check-names.ts'
import { flagOf, type Row, rowsOf, textOf, wordsOf } from './loose.ts'
import { isWeak, looksHashed, parsePasswordHash } from './password-hash.ts'
import { type Path, type Report, Wrong } from './problem.ts'

/** That people can be told apart from each other and from clients, and that no password lies open. */
export const checkAccounts = (data: Row, report: Report): void => {
  const accounts = rowsOf(data, 'accounts')
  const demo = flagOf(data.demo, false)
  checkTwice(accounts, 'username', report)
  // A `sub` that is another's username is as good as that one's `sub`.
  const named = accounts.filter(({ row }) => row.sub !== undefined)
  const unnamed = accounts.filter(({ row }) => row.sub === undefined)
  const subjects = new Set(unnamed.map(({ row }) => textOf(row.username)))
  checkTwice(named, 'sub', report)
  for (const { path, row } of named)
    if (typeof row.sub === 'string' && subjects.has(row.sub))
      report.problem([...path, 'sub'], 'is the username of another account, and so its sub')
  for (const { path, row } of accounts) {
    checkSubject(row, path, report)
    checkPassword(row, path, demo, report)
    checkScopes(data, wordsOf(row.scope, [...path, 'scope']), report)
  }
}

/** Tokens that a client gets for itself have the subject `client:<client_id>`. */
const checkSubject = (row: Row, path: Path, report: Report): void => {
  const key = row.sub === undefined ? 'username' : 'sub'
  if (textOf(row[key])?.startsWith('client:'))
    report.problem(
      [...path, key],
      `must not begin with client:, which is for clients${key === 'username' ? ' (or give the account a sub)' : ''}`,
    )
}

const checkPassword = (row: Row, path: Path, demo: boolean, report: Report): void => {
  const password = textOf(row.password)
  if (password === undefined || password === '' || (demo && !looksHashed(password))) return
  try {
    if (isWeak(parsePasswordHash(password)))
      report.warning([...path, 'password'], 'is a weak hash: m=19456,t=2,p=1 or more is advised')
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    report.problem([...path, 'password'], error.message)
  }
}
