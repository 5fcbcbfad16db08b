import type { Declare } from '../declaration.ts'
import type { TokenOptions } from '../sample-client/settings.ts'

export const declareToken: Declare = (program, run) => {
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
    .addHelpText('after', EXAMPLES)
    .action((options: TokenOptions) =>
      run(async (terminal) => {
        const [{ token }, { openBrowser }] = await Promise.all([
          import('../token.ts'),
          import('../sample-client/browser.ts'),
        ])
        return token(options, { ...terminal, openBrowser })
      }),
    )
}

const EXAMPLES = `
Examples:
  $ portcullis token --call http://localhost:8080/orders
  $ portcullis token --issuer https://auth.example.com --client-id shop --scope 'orders.read'
  $ portcullis token --device`
