import type { Declare } from '../declaration.ts'

export const declareCheck: Declare = (program, run) => {
  program
    .command('check')
    .description('check a configuration without starting')
    .argument('[file]', 'configuration (default as for start)')
    .option('--json', 'print the problems as JSON')
    .addHelpText('after', EXAMPLES)
    .action((file: string | undefined, { json = false }: { json?: boolean }) =>
      run(async (terminal) => {
        const [{ check }, { configurationFile }] = await Promise.all([
          import('../check.ts'),
          import('../configuration-file.ts'),
        ])
        return check(configurationFile(file), { ...terminal, json })
      }),
    )
}

const EXAMPLES = `
Examples:
  $ portcullis check
  $ portcullis check new.yaml && mv new.yaml portcullis.yaml`
