import type { Declare } from '../declaration.ts'
import { withData } from './options.ts'

/** `portcullis key …` */
export const declareKey: Declare = (program, run) => {
  const load = () => import('../key.ts')
  const key = program
    .command('key')
    .description('the keys behind `secret:`, by their ids: what mints, what verifies, a new one')
    .addHelpText('after', EXAMPLES)
  withData(key.command('list', { isDefault: true }))
    .description('ids of the keys that the running gateway has')
    .action((options) => run(async (terminal) => (await load()).listKeys(options, terminal)))
  key
    .command('new')
    .description('print a fresh secret, and the steps of a rotation')
    .option('--json', 'print it as JSON')
    .action((options: { json?: boolean }) =>
      run(async (terminal) => (await load()).newKey(options, terminal)),
    )
}

const EXAMPLES = `
Examples:
  $ portcullis key
  $ portcullis key new > /run/secrets/portcullis-new`
