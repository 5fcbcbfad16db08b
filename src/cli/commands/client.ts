import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ClientListOptions, CreateOptions, UpdateOptions } from '../client.ts'
import type { Declare, Run } from '../declaration.ts'
import { duration, listed, withData, withPages } from './options.ts'

/** `portcullis client …` */
export const declareClient: Declare = (program, run) => {
  const client = program
    .command('client')
    .description('clients at the running gateway: list, register, change, disable, delete them')
    .addHelpText('after', EXAMPLES)
  declareReading(client, run)
  declareWriting(client, run)
  declareSecret(client, run)
  declareState(client, run)
  declareTransfer(client, run)
}

const load = () => import('../client.ts')

const declareReading = (client: Command, run: Run): void => {
  withPages(client.command('list'))
    .description('those of the file first, then the others, oldest first')
    .option('--search <text>', 'those whose name or client_id has it')
    .addOption(
      new Option('--source <source>', 'those of one source').choices([
        'file',
        'operator',
        'registered',
      ]),
    )
    .action((options: ClientListOptions) =>
      run(async (terminal) => (await load()).listClients(options, terminal)),
    )
  withData(client.command('show'))
    .description('what one is set to')
    .argument('<client_id>')
    .action((id: string, options) =>
      run(async (terminal) => (await load()).showClient(id, options, terminal)),
    )
}

const declareWriting = (client: Command, run: Run): void => {
  withSettings(withData(client.command('create')))
    .description('register one; a confidential one is given a secret, which is printed this once')
    .option('--client-id <id>', 'its public name (default: one is made)')
    .option('--client-secret <->', 'with -, take this secret, from standard input or a prompt')
    .addHelpText('after', CREATE_EXAMPLES)
    .action((options: CreateOptions) =>
      run(async (terminal) => (await load()).createClient(options, terminal)),
    )
  withSettings(withData(client.command('update')))
    .description('change what is given, and leave the rest as it is')
    .argument('<client_id>')
    .option('--unset <key>', 'take a value away: scope, client_name …; may come again', listed)
    .addHelpText('after', UPDATE_EXAMPLES)
    .action((id: string, options: UpdateOptions) =>
      run(async (terminal) => (await load()).updateClient(id, options, terminal)),
    )
}

/** In the words of RFC 7591 §2; ours as in the file. */
const withSettings = (command: Command): Command =>
  command
    .option('--client-name <name>', 'what people see it called')
    .option('--redirect-uri <uri>', 'where people are sent back to; may come again', listed)
    .addOption(
      new Option('--grant-type <type>', 'how it may get tokens; may come again')
        .choices(['authorization_code', 'refresh_token', 'client_credentials', DEVICE_CODE])
        .argParser(grantType),
    )
    .option('--scope <scopes>', 'what it may ask for, separated by spaces')
    .option('--public', 'without a secret: it runs in browsers, on phones, on command lines')
    .addOption(
      new Option('--token-endpoint-auth-method <method>', 'how it must authenticate').choices([
        'none',
        'client_secret_basic',
        'client_secret_post',
        'private_key_jwt',
      ]),
    )
    .option('--jwks-uri <url>', 'where its public keys are, for private_key_jwt')
    .option('--client-uri <url>', 'a page about it')
    .option('--require-pkce', 'it must use PKCE (as it is by default)')
    .option('--no-require-pkce', 'it need not: for a confidential one alone')
    .option('--introspect', 'it may introspect the tokens of others')
    .option('--no-introspect', 'it may not (as it is by default)')
    .option('--default-scope <scopes>', 'what a request without scope asks for')
    .option('--lifetime <key=duration>', 'accessToken=5m, grant=30d …; may come again', lifetime)
    .option('--json-file <file>', 'all of it as a JSON object; - for standard input')

const DEVICE_CODE = 'device_code'

const grantType = (value: string, before: readonly string[] = []): readonly string[] => {
  const name = value === DEVICE_CODE ? `urn:ietf:params:oauth:grant-type:${value}` : value
  return [...before, name]
}

const lifetime = (
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> => {
  const [, key, value] = /^(accessToken|refreshToken|grant|refreshRetry)=(.+)$/.exec(text) ?? []
  if (key === undefined || value === undefined)
    throw new InvalidArgumentError(
      'It has to be accessToken, refreshToken, grant or refreshRetry, =, and a duration.',
    )
  duration(value)
  return { ...before, [key]: value }
}

const declareSecret = (client: Command, run: Run): void => {
  withData(client.command('rotate-secret'))
    .description('make a new secret and print it, alone; the former one stays good for a while')
    .argument('<client_id>')
    .option('--overlap <duration>', 'for how long (default: 24h)', duration)
    .action((id: string, options) =>
      run(async (terminal) => (await load()).rotateSecret(id, options, terminal)),
    )
}

const declareState = (client: Command, run: Run): void => {
  withData(client.command('disable'))
    .description('refuse it everywhere from now on, and end what it was given')
    .argument('<client_id>')
    .requiredOption('--reason <words>', 'why, for the audit trail')
    .action((id: string, options) =>
      run(async (terminal) => (await load()).disableClient(id, options, terminal)),
    )
  withData(client.command('enable'))
    .description('let it ask for tokens again; what it had stays over')
    .argument('<client_id>')
    .action((id: string, options) =>
      run(async (terminal) => (await load()).enableClient(id, options, terminal)),
    )
  withData(client.command('delete'))
    .description('delete it; everything that it was given ends at once')
    .argument('<client_id>')
    .option('-y, --yes', 'do not ask')
    .action((id: string, options) =>
      run(async (terminal) => (await load()).deleteClient(id, options, terminal)),
    )
}

const declareTransfer = (client: Command, run: Run): void => {
  withData(client.command('export'))
    .description('print all that are not of the file, with the digests of their secrets')
    .action((options) =>
      run(async (terminal) =>
        (await import('../client-transfer.ts')).exportClients(options, terminal),
      ),
    )
  withData(client.command('import'))
    .description('register what another gateway exported, secrets included')
    .argument('<file>', 'of client export; - for standard input')
    .action((file: string, options) =>
      run(async (terminal) =>
        (await import('../client-transfer.ts')).importClients(file, options, terminal),
      ),
    )
}

const EXAMPLES = `
Examples:
  $ portcullis client list --search shop
  $ portcullis client create --client-name Shop --redirect-uri https://shop.example/callback
  $ portcullis client rotate-secret shop --overlap 24h
  $ portcullis client disable shop --reason 'secret leaked'`

const CREATE_EXAMPLES = `
Examples:
  $ portcullis client create --client-name Shop --redirect-uri https://shop.example/callback --scope orders.read
  $ portcullis client create --client-id nightly --grant-type client_credentials --scope reports
  $ portcullis client create --public --client-name App --redirect-uri com.example.app:/callback
  $ portcullis client create --json-file - < shop.json`

const UPDATE_EXAMPLES = `
Examples:
  $ portcullis client update shop --redirect-uri https://shop.example/cb --redirect-uri https://shop.example/cb2
  $ portcullis client update shop --unset scope --lifetime accessToken=5m
  $ echo '{"client_uri": null}' | portcullis client update shop --json-file -`
