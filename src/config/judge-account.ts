import * as z from 'zod/mini'
import { checkAccounts } from './check-accounts.ts'
import type { AccountSettings, Config } from './config.ts'
import { collecting, type Finding } from './finding.ts'
import { account as schema } from './schema-account.ts'
import { reportIssues } from './schema-problems.ts'

/** Judges an account as it would stand in the file. `password`: an argon2id PHC string. */
export const judgeAccount = (
  value: unknown,
  config: Pick<Config, 'scopes'>,
):
  | { readonly account: Omit<AccountSettings, 'sub'> & { readonly sub?: string } }
  | { readonly findings: readonly Finding[] } => {
  const findings: Finding[] = []
  const report = collecting(findings, ['accounts', 0])
  const parsed = z.safeParse(schema, value, { jitless: true })
  if (!parsed.success) reportIssues(parsed.error.issues, schema, report)
  checkAccounts({ accounts: [value], scopes: Object.fromEntries(config.scopes) }, report)
  return !parsed.success || findings.length > 0 ? { findings } : { account: parsed.data }
}
