import type { Declare } from '../declaration.ts'

export const declareHashPassword: Declare = (program, run) => {
  program
    .command('hash-password')
    .description('read a password from standard input or a prompt and print its argon2id hash')
    .option('--json', 'print it as JSON')
    .addHelpText('after', EXAMPLES)
    .action(({ json = false }: { json?: boolean }) =>
      run(async (terminal) =>
        (await import('../hash-password.ts')).hashPasswordCommand({ json }, terminal),
      ),
    )
}

const EXAMPLES = `
Examples:
  $ portcullis hash-password
  $ pass show gateway/ada | portcullis hash-password`
