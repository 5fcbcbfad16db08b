import { printable } from './printable.ts'
import type { Style } from './style.ts'

/** A column of a table: its heading, and what stands in it. */
export type Column<Item> = {
  readonly title: string
  readonly value: (item: Item) => string | number | undefined
  /** Of the cell, by what it shows. */
  readonly paint?: (text: string, item: Item) => string
  /** Numbers stand at the right. */
  readonly right?: boolean
}

/** Items as aligned columns under a heading; `none` when there are none. What came from elsewhere is made harmless. */
export const tableText = <Item>(
  items: readonly Item[],
  columns: readonly Column<Item>[],
  { style, none }: { readonly style: Style; readonly none: string },
): string => {
  if (items.length === 0) return `${none}\n`
  const rows = items.map((item) => columns.map(({ value }) => cell(value(item))))
  const widths = columns.map(({ title }, at) =>
    Math.max(widthOf(title), ...rows.map((row) => widthOf(row[at] ?? ''))),
  )
  const line = (cells: readonly string[], paint: (text: string, at: number) => string): string =>
    columns
      .map(({ right = false }, at) => {
        const text = cells[at] ?? ''
        const gap = ' '.repeat(Math.max(0, (widths[at] ?? 0) - widthOf(text)))
        if (right) return gap + paint(text, at)
        return paint(text, at) + (at === columns.length - 1 ? '' : gap)
      })
      .join('  ')
  const head = line(
    columns.map(({ title }) => title),
    style.bold,
  )
  const body = rows.map((row, index) =>
    line(row, (text, at) => {
      const item = items[index]
      const paint = columns[at]?.paint
      return paint !== undefined && item !== undefined ? paint(text, item) : text
    }),
  )
  return [head, ...body].map((text) => `${text.trimEnd()}\n`).join('')
}

/** One thing, a name and its value a line; what has no value is left out. */
export const recordText = (
  entries: readonly (readonly [name: string, value: string | number | undefined])[],
  style: Style,
): string => {
  const given = entries.filter(([, value]) => value !== undefined && value !== '')
  const width = Math.max(...given.map(([name]) => name.length))
  return given
    .map(
      ([name, value]) => `${style.bold(name)}${' '.repeat(width - name.length)}  ${cell(value)}\n`,
    )
    .join('')
}

const cell = (value: string | number | undefined): string => {
  const text = printable(String(value ?? ''))
  return text === '' ? '-' : text
}

/** Columns that a terminal gives it, as far as that can be known: those of East Asian scripts and emoji take two. */
const widthOf = (text: string): number => {
  if (/^[ -~]*$/.test(text)) return text.length
  let width = 0
  for (const { segment } of GRAPHEMES.segment(text)) width += WIDE.test(segment) ? 2 : 1
  return width
}

const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' })
const WIDE =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uFF01-\uFF60]/u
