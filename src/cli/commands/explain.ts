import type { Declare } from '../declaration.ts'
import type { ExplainOptions } from '../explain.ts'
import { listed, withConnection } from './options.ts'

export const declareExplain: Declare = (program, run) => {
  const command = program
    .command('explain')
    .description(
      'ask the running gateway what it does with a request, and why, or why one was refused',
    )
    .argument('[method]', 'GET, POST …')
    .argument('[url]', 'a path, or a whole URL; of ws://… a WebSocket handshake is made')
    .option('--token <->', 'with -, read an access token from standard input or a prompt')
    .option('-H, --header <field>', "a field of the request, 'Name: value'; may come again", listed)
    .option(
      '--request <id>',
      'why that request was refused, by its X-Request-Id, while it is remembered',
    )
  withConnection(command)
    .option('--json', 'print the answer as JSON')
    .addHelpText('after', EXAMPLES)
    .action((method: string | undefined, url: string | undefined, options: ExplainOptions) =>
      run(async (terminal) =>
        (await import('../explain.ts')).explain(method, url, options, terminal),
      ),
    )
}

const EXAMPLES = `
Examples:
  $ portcullis explain GET /orders/42 --token -
  $ portcullis explain POST https://api.example.com/orders -H 'Content-Type: application/json'
  $ portcullis explain --request 3f0c1c1e-6d0a-4d2f-9b39-2f1f4e0f7a55`
