import type { Terminal } from './terminal.ts'

/** Marks up text for a terminal that shows colours; elsewhere, and with NO_COLOR, leaves it alone. */
export type Style = Readonly<Record<keyof typeof CODES, (text: string) => string>>

export const styleOf = ({ env, stdout }: Pick<Terminal, 'env' | 'stdout'>): Style => {
  // no-color.org: whatever it says, unless it is empty.
  const colours = stdout.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb'
  const paint = (code: number) => (text: string) =>
    colours && text !== '' ? `\u001b[${code}m${text}\u001b[0m` : text
  return {
    bold: paint(CODES.bold),
    dim: paint(CODES.dim),
    red: paint(CODES.red),
    green: paint(CODES.green),
    yellow: paint(CODES.yellow),
  }
}

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 }
