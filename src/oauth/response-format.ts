import type Koa from 'koa'

import type { Config } from '../config/config.ts'
import { answerJson } from './endpoint.ts'

/**
 * Deviation: clients of the system that `axway` stands for may ask the token endpoint for other formats than JSON, of errors
 * as well; an unknown one means JSON there. Counts for what is answered from now on.
 */
export const chooseFormat = (
  ctx: Koa.Context,
  format: string | undefined,
  { compatibility }: Pick<Config, 'compatibility'>,
): void => {
  if (format !== undefined && compatibility.includes('axway')) ctx.state.format = format
}

/** Answers with these fields, in the format that was chosen, JSON by default. */
export const answerFields = (ctx: Koa.Context, fields: Fields): void => {
  answerJson(ctx, fields)
  const other = FORMATS.get(ctx.state.format)
  if (!other) return
  ctx.type = other.type
  ctx.body = other.write(Object.entries(fields))
}

type Fields = Readonly<Record<string, string | number>>

type Format = {
  readonly type: string
  write(fields: readonly (readonly [name: string, value: string | number])[]): string
}

const FORMATS = new Map<unknown, Format>([
  [
    'urlencoded',
    {
      type: 'application/x-www-form-urlencoded',
      write: (fields) =>
        fields.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&'),
    },
  ],
  [
    'xml',
    {
      type: 'application/xml',
      write: (fields) => {
        const elements = fields.map(([name, value]) => `<${name}>${escaped(value)}</${name}>`)
        return `<?xml version="1.0" encoding="UTF-8"?><OAuth>${elements.join('')}</OAuth>`
      },
    },
  ],
])

const escaped = (value: string | number): string =>
  String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
