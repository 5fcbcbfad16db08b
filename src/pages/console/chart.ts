import { type Html, html } from '../html.ts'

type Line = {
  readonly name: string
  /** Undefined: nothing was there to be measured. */
  readonly values: readonly (number | undefined)[]
  /** Of the stylesheet: `line-1` … `line-4`. */
  readonly tone: 1 | 2 | 3 | 4
}

/**
 * Lines over the last hour, as a picture of fixed shape. Whoever cannot see it reads the newest values below it, which are
 * the legend.
 */
export const chart = (p: {
  readonly id: string
  readonly title: string
  readonly lines: readonly Line[]
  readonly written: (value: number) => string
  /** What the top of the picture stands for at least. */
  readonly least: number
}): Html => {
  const known = p.lines.flatMap(({ values }) => values.filter((value) => value !== undefined))
  const top = niceTop(Math.max(p.least, ...known))
  return html`<section class="chart" aria-labelledby="${p.id}">
<h2 id="${p.id}">${p.title}</h2>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${p.title}, the last hour">
<path class="grid" d="M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}"/>
${p.lines.map((line) => html`<path class="line-${line.tone}" d="${path(line.values, top)}"/>`)}
</svg>
<p class="top" aria-hidden="true">${p.written(top)}</p>
<p class="axis" aria-hidden="true"><span>an hour ago</span><span>half an hour</span><span>now</span></p>
<dl>${p.lines.map(
    ({ name, values, tone }) => html`<div><dt class="line-${tone}">${name}</dt>
<dd>${writtenLast(values, p.written)}</dd></div>`,
  )}</dl>
</section>`
}

const writtenLast = (
  values: readonly (number | undefined)[],
  written: (value: number) => string,
): string => {
  const last = values.at(-1)
  return last === undefined ? '–' : written(last)
}

/** A line is broken where nothing was measured; what stands alone between two breaks is a dot: a line to where it is. */
const path = (values: readonly (number | undefined)[], top: number): string => {
  const step = WIDTH / (POINTS - 1)
  const start = POINTS - values.length
  let isDrawing = false
  return values
    .map((value, index) => {
      if (value === undefined) {
        isDrawing = false
        return ''
      }
      const word = isDrawing ? 'L' : 'M'
      const alone = !isDrawing && values[index + 1] === undefined ? 'h0' : ''
      isDrawing = true
      const x = ((start + index) * step).toFixed(1)
      return `${word}${x} ${(HEIGHT - (Math.min(value, top) / top) * HEIGHT).toFixed(1)}${alone}`
    })
    .join('')
}

/** 1, 2 or 5 with zeros behind it. */
const niceTop = (value: number): number => {
  const unit = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 5, 10].find((factor) => factor * unit >= value) ?? 10) * unit
}

const WIDTH = 720
const HEIGHT = 120
const POINTS = 720
