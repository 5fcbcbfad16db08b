import type { Config } from '../config/config.ts'
import { type Call, jsonReply, type Reply, UNCACHED } from './call.ts'

/**
 * Deviation: clients of the system that `axway` stands for may ask the token endpoint for other formats than JSON, of errors
 * as well; an unknown one means JSON there. Counts for what is answered from now on.
 */
export const chooseFormat = (
  call: Call,
  format: string | undefined,
  { compatibility }: Pick<Config, 'compatibility'>,
): void => {
  if (format !== undefined && compatibility.includes('axway')) call.format = format
}

/** Answers with these fields, in the format that was chosen, JSON by default. */
export const fieldsReply = (
  { format }: Pick<Call, 'format'>,
  fields: Fields,
  { status = 200, headers = {} }: Partial<Pick<Reply, 'status' | 'headers'>> = {},
): Reply => {
  const other = format === undefined ? undefined : FORMATS.get(format)
  if (!other) return jsonReply(fields, status, headers)
  const body = other.write(Object.entries(fields))
  return { status, headers: { ...headers, ...UNCACHED }, type: other.type, body }
}

type Fields = Readonly<Record<string, string | number>>

type Format = {
  readonly type: string
  write(fields: readonly (readonly [name: string, value: string | number])[]): string
}

const FORMATS = new Map<string, Format>([
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
