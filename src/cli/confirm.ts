import { Mistake } from '../mistake.ts'
import { Misuse } from './misuse.ts'
import { printable } from './printable.ts'
import { openPrompt } from './prompt.ts'
import type { Terminal } from './terminal.ts'

/** Lets a person name again what is about to be over. Throws a `Mistake` when they do not, `Misuse` where nobody is there. */
export const confirm = async (
  what: string,
  id: string,
  { yes = false }: { readonly yes?: boolean },
  { stdin, stderr }: Pick<Terminal, 'stdin' | 'stderr'>,
): Promise<void> => {
  if (yes) return
  if (stdin.isTTY !== true) throw new Misuse('give --yes, as there is nobody to ask')
  const prompt = openPrompt(stdin, stderr)
  try {
    const answer = await prompt.line(printable(`${what} Type ${id} to go on: `))
    if (answer.trim() !== id) throw new Mistake('nothing was done')
  } finally {
    prompt.close()
  }
}
