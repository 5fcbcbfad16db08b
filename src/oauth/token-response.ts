import type Koa from 'koa'

import { answerJson } from './endpoint.ts'
import type { Issued } from './grants/grant.ts'
import type { Room } from './room.ts'

/** RFC 6749 §5.1. `expires_in` is what is left of the token's life, in whole seconds. */
export const answerTokens = (
  ctx: Koa.Context,
  { access_token, token, refresh_token }: Issued,
  format: string | undefined,
  { config, clock }: Pick<Room, 'config' | 'clock'>,
): void => {
  const fields = {
    access_token,
    token_type: 'Bearer',
    expires_in: Math.max(0, token.exp - Math.floor(clock())),
    ...(refresh_token !== undefined && { refresh_token }),
    ...(token.scope.length > 0 && { scope: token.scope.join(' ') }),
  }
  answerJson(ctx, fields)
  // Deviation: clients of the system that `axway` stands for may ask for other formats; an unknown one means JSON there.
  const other = config.compatibility.includes('axway') ? FORMATS.get(format ?? 'json') : undefined
  if (!other) return
  ctx.type = other.type
  ctx.body = other.write(Object.entries(fields))
}

type Fields = readonly (readonly [name: string, value: string | number])[]

const FORMATS = new Map<string, { type: string; write(fields: Fields): string }>([
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
