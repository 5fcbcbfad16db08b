import * as z from 'zod/mini'
import { ownGrantTypes, ownLifetimes } from './assemble.ts'
import { checkClients } from './check-clients.ts'
import type { ClientSettings, Config } from './config.ts'
import { collecting, type Finding } from './finding.ts'
import type { Row } from './loose.ts'
import { client as schema } from './schema-client.ts'
import { reportIssues } from './schema-problems.ts'

/**
 * Judges a client as it would stand in the file: the same keys, forms and rules, beside the scopes and lifetimes of a
 * configuration.
 */
export const judgeClient = (
  value: unknown,
  config: Pick<Config, 'scopes' | 'tokens' | 'demo'>,
): { readonly client: ClientSettings } | { readonly findings: readonly Finding[] } => {
  const findings: Finding[] = []
  const report = collecting(findings, ['clients', 0])
  const parsed = z.safeParse(schema, value, { jitless: true })
  if (!parsed.success) reportIssues(parsed.error.issues, schema, report)
  checkClients(fileWith(value, config), report)
  if (!parsed.success || findings.length > 0) return { findings }
  const tokens = ownLifetimes(parsed.data.tokens, config.tokens)
  return { client: { ...parsed.data, grant_types: ownGrantTypes(parsed.data), tokens } }
}

const fileWith = (value: unknown, { scopes, demo }: Pick<Config, 'scopes' | 'demo'>): Row => ({
  clients: [value],
  scopes: Object.fromEntries(scopes),
  demo,
})
