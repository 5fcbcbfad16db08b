/**
 * Text that came from elsewhere, on one line: what could steer the terminal, break the line or turn the direction of writing
 * comes out as U+FFFD.
 */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '\u{FFFD}')
