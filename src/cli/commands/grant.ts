import type { Declare } from '../declaration.ts'
import type { GrantListOptions } from '../grant.ts'
import { wholeNumber, withData, withId, withPages } from './options.ts'

/** `portcullis grant …` */
export const declareGrant: Declare = (program, run) => {
  const load = () => import('../grant.ts')
  const grant = program
    .command('grant')
    .description('who has access to what: list grants, and end them')
    .addHelpText('after', EXAMPLES)
  withPages(grant.command('list'))
    .description('live ones: of everybody, of a client, of a person, or of both')
    .option('--client <client_id>', 'those of a client')
    .option('--account <account>', 'those of a person, by sub or username')
    .option('--scope <scope>', 'those that have it')
    .option('--unused <days>', 'those whose tokens were not used for so long', wholeNumber)
    .action((options: GrantListOptions) =>
      run(async (terminal) => (await load()).listGrants(options, terminal)),
    )
  withId(withData(grant.command('show')))
    .description('one of them')
    .action((id: string, options) =>
      run(async (terminal) => (await load()).showGrant(id, options, terminal)),
    )
  withId(withData(grant.command('end')))
    .description('end one: its tokens are refused everywhere at once')
    .action((id: string, options) =>
      run(async (terminal) => (await load()).endGrant(id, options, terminal)),
    )
}

const EXAMPLES = `
Examples:
  $ portcullis grant list --account ada
  $ portcullis grant list --scope orders.write
  $ portcullis grant list --client shop --unused 90 --all --json
  $ portcullis grant end WVWVNn5_ZXI-nCHBpCdO7A`
