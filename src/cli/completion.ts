import { bashCompletion } from './completion-bash.ts'
import { fishCompletion } from './completion-fish.ts'
import { zshCompletion } from './completion-zsh.ts'

/** A command as a shell completes it. */
export type CommandTree = {
  readonly name: string
  readonly description: string
  readonly options: readonly CompletedOption[]
  /** Of its argument. */
  readonly choices: readonly string[]
  readonly takesFile: boolean
  readonly commands: readonly CommandTree[]
}

type CompletedOption = {
  /** `--config`, `-c` */
  readonly names: readonly string[]
  readonly description: string
  /** Undefined: no value. */
  readonly takes: { readonly choices: readonly string[]; readonly file: boolean } | undefined
}

/** A command under the names that lead to it: '' for the program, `/client/list`. */
export type PlacedCommand = CommandTree & { readonly place: string }

/** The script of a shell. */
export const completion = (shell: 'bash' | 'zsh' | 'fish', program: CommandTree): string =>
  SCRIPTS[shell](placed({ ...program, name: '' }, ''))

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion }

const placed = (command: CommandTree, place: string): readonly PlacedCommand[] => [
  { ...command, place },
  ...command.commands.flatMap((child) => placed(child, `${place}/${child.name}`)),
]
