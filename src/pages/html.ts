/**
 * HTML by a tagged template: everything interpolated is escaped, unless it is Html itself.
 * Escapes for text and for double-quoted attributes; nothing of a caller's may stand anywhere else.
 */
export type Html = { readonly markup: string }

export type HtmlValue = string | number | Html | readonly Html[] | undefined | false

export const html = (texts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html =>
  markup(texts.map((text, index) => text + rendered(values[index])).join(''))

/** Marks text of our own as HTML. Never for a value that someone else chose. */
export const markup = (trusted: string): Html => ({ markup: trusted })

const rendered = (value: HtmlValue): string => {
  if (value === undefined || value === false) return ''
  if (typeof value === 'string') return escaped(value)
  if (typeof value === 'number') return String(value)
  if ('markup' in value) return value.markup
  return value.map((part) => part.markup).join('')
}

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
