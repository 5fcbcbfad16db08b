import { type Command, Option } from 'commander'
import type { AccountCreateOptions, AccountListOptions, AccountUpdateOptions } from '../account.ts'
import type { Declare, Run } from '../declaration.ts'
import { listed, withData, withPages } from './options.ts'

/** `portcullis account …` */
export const declareAccount: Declare = (program, run) => {
  const account = program
    .command('account')
    .description('people at the running gateway: list, create, change, disable, delete them')
    .addHelpText('after', EXAMPLES)
  declareReading(account, run)
  declareWriting(account, run)
  declareState(account, run)
}

const WHO = 'its sub or its username'

const load = () => import('../account.ts')

const declareReading = (account: Command, run: Run): void => {
  withPages(account.command('list'))
    .description('those of the file first, then the others, oldest first')
    .option('--search <text>', 'those whose username, name, email or sub has it')
    .action((options: AccountListOptions) =>
      run(async (terminal) => (await load()).listAccounts(options, terminal)),
    )
  withData(account.command('show'))
    .description('one of them; never a password')
    .argument('<account>', WHO)
    .action((sub: string, options) =>
      run(async (terminal) => (await load()).showAccount(sub, options, terminal)),
    )
}

const declareWriting = (account: Command, run: Run): void => {
  withSettings(withData(account.command('create')))
    .description('a new one; the password comes from standard input or a prompt')
    .argument('<username>')
    .option('--sub <sub>', 'the subject of their tokens, for good (default: one is made)')
    .action((username: string, options: AccountCreateOptions) =>
      run(async (terminal) => (await load()).createAccount(username, options, terminal)),
    )
  withSettings(withData(account.command('update')))
    .description('change what is given, and leave the rest as it is')
    .argument('<account>', WHO)
    .option('--username <name>', 'what they sign in with')
    .option('--unset <key>', 'take a value away: name, email, scope, admin; may come again', listed)
    .action((sub: string, options: AccountUpdateOptions) =>
      run(async (terminal) => (await load()).updateAccount(sub, options, terminal)),
    )
  withData(account.command('set-password'))
    .description('another password, from standard input or a prompt; all that was given ends')
    .argument('<account>', WHO)
    .action((sub: string, options) =>
      run(async (terminal) => (await load()).setPassword(sub, options, terminal)),
    )
}

const withSettings = (command: Command): Command =>
  command
    .option('--name <name>', 'what people see them called')
    .option('--email <address>', 'their address')
    .option('--scope <scopes>', 'what they may grant, separated by spaces')
    .addOption(
      new Option('--admin-role <role>', 'may sign in to the console').choices([
        'viewer',
        'operator',
        'owner',
      ]),
    )

const declareState = (account: Command, run: Run): void => {
  withData(account.command('disable'))
    .description('refuse them everywhere from now on, and end what they gave')
    .argument('<account>', WHO)
    .requiredOption('--reason <words>', 'why, for the audit trail')
    .action((sub: string, options) =>
      run(async (terminal) => (await load()).disableAccount(sub, options, terminal)),
    )
  withData(account.command('enable'))
    .description('let them sign in again; what they had given stays over')
    .argument('<account>', WHO)
    .action((sub: string, options) =>
      run(async (terminal) => (await load()).enableAccount(sub, options, terminal)),
    )
  withData(account.command('delete'))
    .description('delete them; everything that they gave ends at once')
    .argument('<account>', WHO)
    .option('-y, --yes', 'do not ask')
    .action((sub: string, options) =>
      run(async (terminal) => (await load()).deleteAccount(sub, options, terminal)),
    )
}

const EXAMPLES = `
Examples:
  $ portcullis account list --search ada
  $ portcullis account create ada --name 'Ada Lovelace' --scope 'orders.read orders.write'
  $ pass show gateway/ada | portcullis account set-password ada
  $ portcullis account disable ada --reason 'left the company'`
