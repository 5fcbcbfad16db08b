import { Mistake } from '../mistake.ts'

/** Options that make no sense: exit code 2. */
export class Misuse extends Mistake {}

/** What is a secret must not stand on the command line, where other users of the machine see it; nor is it repeated. */
export const dashAlone = (option: string, given: string | undefined): void => {
  if (given !== undefined && given !== '-')
    throw new Misuse(
      `${option} takes - alone: it is read from standard input or a prompt, as others can read a command line`,
    )
}
