import { Argument, type Command } from 'commander'
import type { CommandTree } from '../completion.ts'
import type { Declare } from '../declaration.ts'

export const declareCompletion: Declare = (program, run) => {
  program
    .command('completion')
    .description('print a script that completes commands and options')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', EXAMPLES)
    .action((shell: 'bash' | 'zsh' | 'fish') =>
      run(async (terminal) => {
        const { completion } = await import('../completion.ts')
        terminal.stdout.write(completion(shell, treeOf(program)))
        return 0
      }),
    )
}

const treeOf = (command: Command): CommandTree => ({
  name: command.name(),
  description: command.description(),
  options: command
    .createHelp()
    .visibleOptions(command)
    .map(({ long, short, required, optional, description, argChoices, flags }) => ({
      names: [long, short].filter((name) => name !== undefined),
      description,
      takes:
        required || optional
          ? { choices: argChoices ?? [], file: /<file>/.test(flags) }
          : undefined,
    })),
  choices: command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices),
  takesFile: command.registeredArguments.some((argument) => argument.name() === 'file'),
  commands: command.commands.map(treeOf),
})

const EXAMPLES = `
Examples:
  $ source <(portcullis completion bash)
  $ portcullis completion bash > ~/.local/share/bash-completion/completions/portcullis
  $ portcullis completion zsh > "\${fpath[1]}/_portcullis"
  $ portcullis completion fish > ~/.config/fish/completions/portcullis.fish`
