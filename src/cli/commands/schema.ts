import type { Declare } from '../declaration.ts'

export const declareSchema: Declare = (program, run) => {
  program
    .command('schema')
    .description('print the JSON schema of the configuration')
    .addHelpText('after', EXAMPLES)
    .action(() => run(async (terminal) => (await import('../schema.ts')).schema(terminal)))
}

const EXAMPLES = `
Examples:
  $ portcullis schema > portcullis.schema.json`
