import type { Writable } from 'node:stream'

export type Narrate = (line: string) => void

/** Writes lines for a person. What a server sent cannot steer the terminal: control characters come out as `\u001b`. */
export const narration =
  (output: Writable): Narrate =>
  (line) => {
    output.write(`${line.replace(CONTROL, (character) => visible(character))}\n`)
  }

// Also the marks that reorder text on the screen (bidi overrides are of the class Cf).
const CONTROL = /(?![\t\n])[\p{Cc}\p{Cf}]/gu

const visible = (character: string): string =>
  `\\u${character.codePointAt(0)?.toString(16).padStart(4, '0')}`
