/**
 * A name that someone else chose, made fit to be read on a page of ours: one line, no controls, nothing invisible,
 * nothing that turns the direction of the text around (bidi overrides and isolates), and no longer than `limit`
 * characters (security: a page must not be made to say what it does not say).
 */
export const displayed = (text: string, limit = 80): string => {
  const readable = text.normalize('NFC').replace(HIDDEN, ' ').replace(/\s+/g, ' ').trim()
  const characters = [...readable]
  return characters.length > limit ? `${characters.slice(0, limit - 1).join('')}…` : readable
}

// Other: control, format (bidi, zero-width, tags), surrogate, private use, unassigned; line and paragraph separators;
// letters that draw nothing (Hangul fillers, Mongolian vowel separator, variation selectors, braille blank).
const HIDDEN =
  /[\p{C}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0]/gu
