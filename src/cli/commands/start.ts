import type { Declare } from '../declaration.ts'
import type { StartOptions } from '../start.ts'

export const declareStart: Declare = (program, run) => {
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
    .addHelpText('after', EXAMPLES)
    .action((options: StartOptions) =>
      run(async (terminal) => (await import('../start.ts')).start(options, terminal)),
    )
}

const EXAMPLES = `
Examples:
  $ portcullis start
  $ portcullis start --config /etc/portcullis/portcullis.yaml
  $ portcullis start --takeover`
