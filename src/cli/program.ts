import { Command, CommanderError } from 'commander'
import { VERSION } from '../version.ts'
import { configurationFile } from './configuration-file.ts'
import type { ExplainOptions } from './explain.ts'
import type { TokenOptions } from './sample-client/settings.ts'
import type { StartOptions } from './start.ts'
import type { Terminal } from './terminal.ts'

/**
 * Runs one command line. Resolves to the exit code: 0 done, 1 it failed, 2 it was called wrongly.
 * Each command is loaded when it is called, so that none waits for another.
 */
export const runProgram = async (argv: readonly string[], terminal: Terminal): Promise<number> => {
  let code = 0
  const program = new Command('portcullis')
    .description('OAuth in front of HTTP APIs that know nothing about OAuth')
    .version(VERSION)
    .showHelpAfterError('(portcullis --help lists the commands)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
    })

  program
    .command('start')
    .description('start the gateway')
    .option(
      '-c, --config <file>',
      'configuration (default: ./portcullis.yaml, then config/portcullis.yaml)',
    )
    .option(
      '--takeover',
      'take the place of the gateway that runs, without losing a request (Linux)',
    )
    .action(async (options: StartOptions) => {
      code = await (await import('./start.ts')).start(options, terminal)
    })
  program
    .command('check')
    .description('check a configuration without starting')
    .argument('[file]', 'configuration (default as for start)')
    .option('--json', 'print the problems as JSON')
    .action(async (file: string | undefined, { json = false }: { json?: boolean }) => {
      const { check } = await import('./check.ts')
      code = await check(configurationFile(file), { ...terminal, json })
    })
  program
    .command('token')
    .description('get a token as a sample client does, and print each step with the tokens')
    .option('--call <url>', 'GET this with the token')
    .option('--issuer <url>', 'authorization server (default: http://localhost:8080)')
    .option('--client-id <id>', 'registered client (default: cli)')
    .option('--client-secret <->', 'with -, read the secret from standard input or a prompt')
    .option('--redirect-uri <uri>', 'registered one, for a client that may not use any port')
    .option(
      '--scope <scopes>',
      'what to ask for, separated by spaces (default: what the client has)',
    )
    .option('--manual', 'paste the code, as where this machine has no browser')
    .option('--device', 'as a device without a browser: show a code and its QR code, and wait')
    .option('--no-browser', 'open no browser, only print the address')
    .option('--timeout <seconds>', 'how long to wait for the person (default: 300)')
    .option('--json', 'print the answer as JSON, and the steps to standard error')
    .action(async (options: TokenOptions) => {
      const [{ token }, { openBrowser }] = await Promise.all([
        import('./token.ts'),
        import('./sample-client/browser.ts'),
      ])
      code = await token(options, { ...terminal, openBrowser })
    })
  program
    .command('explain')
    .description('ask the running gateway what it does with a request, and why')
    .argument('<method>', 'GET, POST …')
    .argument('<url>', 'a path, or a whole URL; of ws://… a WebSocket handshake is made')
    .option('--token <->', 'with -, read an access token from standard input or a prompt')
    .option('-H, --header <field>', "a field of the request, 'Name: value'; may come again", listed)
    .option('-c, --config <file>', 'configuration that leads to the gateway (default as for start)')
    .option('--admin <url>', 'its admin listener, with its token in PORTCULLIS_ADMIN_TOKEN')
    .option('--json', 'print the answer as JSON')
    .action(async (method: string, url: string, options: ExplainOptions) => {
      const { explain } = await import('./explain.ts')
      code = await explain(method, url, options, terminal)
    })
  program
    .command('schema')
    .description('print the JSON schema of the configuration')
    .action(async () => {
      code = await (await import('./schema.ts')).schema(terminal)
    })
  program
    .command('hash-password')
    .description('read a password from standard input or a prompt and print its argon2id hash')
    .option('--json', 'print it as JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      code = await (await import('./hash-password.ts')).hashPasswordCommand({ json }, terminal)
    })
  for (const child of program.commands)
    child.exitOverride().showHelpAfterError('(add --help for its options)')

  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    // Commander has told what was wrong; --help and --version also arrive here, with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    throw error
  }
}

const listed = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
]
