import { systemClock } from '../../clock.ts'
import type { AuditOptions } from '../audit.ts'
import type { Declare } from '../declaration.ts'
import { moment, withPages } from './options.ts'

/** `portcullis audit` */
export const declareAudit: Declare = (program, run) => {
  withPages(program.command('audit'))
    .description('who did what: search the audit trail of the running gateway, newest first')
    .option('--event <name>', 'client.changed; or the first part of it with a dot, as client.')
    .option('--client <client_id>', 'about a client')
    .option('--account <account>', 'about a person, by sub or username')
    .option('--actor <name>', 'by an operator')
    .option('--request <id>', 'in one request, by its X-Request-Id')
    .option('--since <when>', '2h ago, or a date', moment(systemClock))
    .option('--until <when>', '2h ago, or a date', moment(systemClock))
    .option('-f, --follow', 'go on with what happens, oldest first, until interrupted')
    .addHelpText('after', EXAMPLES)
    .action((options: AuditOptions) =>
      run(async (terminal) => (await import('../audit.ts')).audit(options, terminal)),
    )
}

const EXAMPLES = `
Examples:
  $ portcullis audit --since 2h
  $ portcullis audit --event grant. --account ada --since 2026-01-31
  $ portcullis audit --follow --json        # one document a line`
