import type { Declare } from '../declaration.ts'
import type { RegistrationTokenOptions } from '../registration-token.ts'
import { duration, wholeNumber, withData, withId, withPages } from './options.ts'

/** `portcullis registration-token …` */
export const declareRegistrationToken: Declare = (program, run) => {
  const load = () => import('../registration-token.ts')
  const token = program
    .command('registration-token')
    .description('initial access tokens (RFC 7591), with which clients register themselves')
    .addHelpText('after', EXAMPLES)
  withData(token.command('create'))
    .description('make one and print it, alone; it is not shown again')
    .requiredOption('--note <words>', 'for whom')
    .option('--expires <duration>', 'how long it is good (default: 24h)', duration)
    .option('--uses <number>', 'clients that it registers (default: no bound)', wholeNumber)
    .action((options: RegistrationTokenOptions) =>
      run(async (terminal) => (await load()).createRegistrationToken(options, terminal)),
    )
  withPages(token.command('list'))
    .description('those that are good, without their values')
    .action((options) =>
      run(async (terminal) => (await load()).listRegistrationTokens(options, terminal)),
    )
  withId(withData(token.command('withdraw')))
    .description('make one good no more; what was registered with it stays')
    .action((id: string, options) =>
      run(async (terminal) => (await load()).withdrawRegistrationToken(id, options, terminal)),
    )
}

const EXAMPLES = `
Examples:
  $ portcullis registration-token create --note 'team shop' --expires 2h --uses 1`
