import { Command, CommanderError } from 'commander'
import { VERSION } from '../version.ts'
import type { Declare, Run } from './declaration.ts'
import type { Terminal } from './terminal.ts'

/**
 * Runs one command line. Resolves to the exit code: 0 done, 1 it failed, 2 it was called wrongly.
 * What a command takes is read when it is named, and what it does when it is called, so that none waits for another.
 */
export const runProgram = async (argv: readonly string[], terminal: Terminal): Promise<number> => {
  let code = 0
  const run: Run = async (action) => {
    code = await action(terminal)
  }
  const program = new Command('portcullis')
    .description('OAuth in front of HTTP APIs that know nothing about OAuth')
    .version(VERSION)
    .showHelpAfterError('(add --help for what it takes)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
    })
  for (const declare of await declarationsFor(argv[0])) declare(program, run)
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    // Commander has told what was wrong; --help and --version also arrive here, with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    throw error
  }
}

/** That of the command alone; all of them for help, for mistakes, and for completion. */
const declarationsFor = (name: string | undefined): Promise<readonly Declare[]> => {
  const named = name === 'completion' ? undefined : COMMANDS.get(name ?? '')
  return Promise.all((named ? [named] : [...COMMANDS.values()]).map((load) => load()))
}

/** In the order of the help. */
const COMMANDS: ReadonlyMap<string, () => Promise<Declare>> = new Map([
  ['start', async () => (await import('./commands/start.ts')).declareStart],
  ['check', async () => (await import('./commands/check.ts')).declareCheck],
  ['doctor', async () => (await import('./commands/doctor.ts')).declareDoctor],
  ['explain', async () => (await import('./commands/explain.ts')).declareExplain],
  ['client', async () => (await import('./commands/client.ts')).declareClient],
  ['account', async () => (await import('./commands/account.ts')).declareAccount],
  ['grant', async () => (await import('./commands/grant.ts')).declareGrant],
  ['session', async () => (await import('./commands/session.ts')).declareSession],
  [
    'registration-token',
    async () => (await import('./commands/registration-token.ts')).declareRegistrationToken,
  ],
  ['audit', async () => (await import('./commands/audit.ts')).declareAudit],
  ['key', async () => (await import('./commands/key.ts')).declareKey],
  ['token', async () => (await import('./commands/token.ts')).declareToken],
  ['hash-password', async () => (await import('./commands/hash-password.ts')).declareHashPassword],
  ['schema', async () => (await import('./commands/schema.ts')).declareSchema],
  ['completion', async () => (await import('./commands/completion.ts')).declareCompletion],
])
