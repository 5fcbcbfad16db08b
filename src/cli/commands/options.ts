import { type Command, InvalidArgumentError } from 'commander'
import { Wrong } from '../../config/problem.ts'
import { parseDuration } from '../../config/units.ts'

/** For an option that may come again. */
export const listed = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
]

/** One of 64 ids begins with a dash, and is no option for that. */
export const withId = (command: Command, argument = '<id>'): Command =>
  command.argument(argument).allowUnknownOption()

/** How a command finds the running gateway. */
export const withConnection = (command: Command): Command =>
  command
    .option('-c, --config <file>', 'configuration that leads to the gateway (default as for start)')
    .option('--admin <url>', 'its admin listener, with its token in PORTCULLIS_ADMIN_TOKEN')

/** The same, for one that prints data. */
export const withData = (command: Command): Command =>
  withConnection(command).option('--json', 'print it as JSON, one document')

/** The same, for a list. */
export const withPages = (command: Command): Command =>
  withData(command)
    .option('--limit <number>', 'how many at most (default: 100)', wholeNumber)
    .option('--all', 'all of them')
    .option('--cursor <next>', 'go on where the last one stopped')

export const wholeNumber = (text: string): number => {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It has to be a whole number.')
  return Number(text)
}

/** Seconds. */
export const duration = (text: string): number => {
  try {
    return parseDuration(text)
  } catch (error) {
    if (error instanceof Wrong) throw new InvalidArgumentError(`It ${error.message}.`)
    throw error
  }
}

/** Seconds since the epoch, of `2h` ago or of a date. */
export const moment =
  (now: () => number) =>
  (text: string): number => {
    if (/^\d+(ms|s|m|h|d)$/.test(text)) return now() - duration(text)
    const at = Date.parse(text) / 1000
    if (Number.isNaN(at))
      throw new InvalidArgumentError(
        'It has to be a while ago, as 2h, or a date, as 2026-01-31 or 2026-01-31T12:00:00Z.',
      )
    return at
  }
