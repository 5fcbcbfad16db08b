import { encode } from 'uqr'

/**
 * A QR code for a terminal, two rows of modules a line. `colour`: black on white whatever the terminal's colours are;
 * without it light modules are drawn, as suits a dark terminal.
 */
export const qrCode = (text: string, { colour }: { readonly colour: boolean }): string => {
  const { data } = encode(text, { ecc: 'M', border: QUIET })
  const lines: string[] = []
  for (let row = 0; row < data.length; row += 2) {
    const [upper = [], lower = []] = [data[row], data[row + 1]]
    const line = upper.map((dark, at) => glyph(dark === colour, (lower[at] ?? false) === colour))
    lines.push(colour ? `${BLACK_ON_WHITE}${line.join('')}${RESET}` : line.join(''))
  }
  return `${lines.join('\n')}\n`
}

const glyph = (upper: boolean, lower: boolean): string => {
  if (upper) return lower ? '█' : '▀'
  return lower ? '▄' : ' '
}

// Modules of light around it; readers need two at least, the standard wants four.
const QUIET = 4
const BLACK_ON_WHITE = '\u001b[38;5;16;48;5;231m'
const RESET = '\u001b[0m'
