import type { Command } from 'commander'
import type { Terminal } from './terminal.ts'

/** Runs what a command does, in a file that is loaded only then. `action` resolves to the exit code. */
export type Run = (action: (terminal: Terminal) => Promise<number>) => Promise<void>

/** Adds a command with its options to the program; see commands/. */
export type Declare = (program: Command, run: Run) => void
