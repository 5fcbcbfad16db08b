import type { Declare } from '../declaration.ts'
import type { SessionEndOptions, SessionListOptions } from '../session.ts'
import { withData, withId } from './options.ts'

/** `portcullis session …` */
export const declareSession: Declare = (program, run) => {
  const load = () => import('../session.ts')
  const session = program
    .command('session')
    .description('where people are signed in: list sessions, and end them')
    .addHelpText('after', EXAMPLES)
  withData(session.command('list'))
    .description('live ones of a person, oldest first')
    .requiredOption('--account <account>', 'of whom, by sub or username')
    .action((options: SessionListOptions) =>
      run(async (terminal) => (await load()).listSessions(options, terminal)),
    )
  withId(withData(session.command('end')), '[id]')
    .description('end one, or with --all every one of a person; what applications have stays')
    .requiredOption('--account <account>', 'of whom, by sub or username')
    .option('--all', 'every one')
    .action((id: string | undefined, options: SessionEndOptions) =>
      run(async (terminal) => (await load()).endSessions(id, options, terminal)),
    )
}

const EXAMPLES = `
Examples:
  $ portcullis session list --account ada
  $ portcullis session end --account ada --all`
