/**
 * A name that someone else chose, made fit to be read on a page of ours: one line, no controls, nothing invisible,
 * nothing that turns the direction of the text around (bidi overrides and isolates), no towers of accents, and no
 * longer than `limit` characters: a page must not be made to say what it does not say.
 */
export const displayed = (text: string, limit = 80): string => {
  const readable = text
    .normalize('NFC')
    .replace(HIDDEN, ' ')
    .replace(ACCENTS, '$1')
    .replace(/\s+/g, ' ')
    .trim()
  const characters = [...readable]
  return characters.length > limit ? `${characters.slice(0, limit - 1).join('')}…` : readable
}

// `C`: control, format (bidi, zero-width, tags), surrogate, private use, unassigned. `Z`: every kind of space and break.
// `Default_Ignorable_Code_Point` and the braille blank: letters that draw nothing.
const HIDDEN = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu

const ACCENTS = /(\p{M}{3})\p{M}+/gu
