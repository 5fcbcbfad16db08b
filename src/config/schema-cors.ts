import * as z from 'zod/mini'
import { method } from './method.ts'
import { Wrong } from './problem.ts'
import { list, object, optional, otherwise } from './section.ts'
import { duration, flag, reference, setting, text } from './setting.ts'
import { parseOrigin } from './urls.ts'

const field = text('Name of a header field.', {}, (name) => {
  if (!/^[\w!#$%&'+.^`|~-]+$/.test(name))
    throw new Wrong('must be the name of a header field; name each, * is none')
  return name
})

const origins = z.union([
  setting('Every origin; never with credentials.', { const: '*' }, (value) => {
    if (value === '*') return '*' as const
    throw new Wrong(
      'must be "*" or a list of origins: [https://app.example.com]',
      Array.isArray(value),
    )
  }),
  list(
    'Origins, compared whole.',
    text('Scheme, host and perhaps a port, as browsers send it.', {}, parseOrigin),
  ).check(z.minLength(1, 'must name an origin; leave cors out for none')),
])

export const cors = object(
  'What pages of other origins may do in a browser. The gateway answers preflights itself, without a token; CORS fields of the upstream are replaced. Omitted: both are left to the upstream.',
  {
    origins: origins.register(reference, {
      description: 'Origins of the pages, such as https://app.example.com, or "*" for all.',
    }),
    methods: optional(
      list('Methods that they may use. Omitted: those of the route.', method).check(
        z.minLength(1, 'must name a method; leave the key out for those of the route'),
      ),
    ),
    headers: optional(
      list(
        'Header fields that their requests may have, besides Authorization where tokens are taken. Omitted: any.',
        field,
      ),
    ),
    expose: optional(
      list(
        'Header fields of the answer that they may read, besides WWW-Authenticate, X-Request-Id and Retry-After.',
        field,
      ),
    ),
    credentials: otherwise(
      false,
      flag('Whether requests may carry cookies. Bearer tokens need it not.'),
    ),
    maxAge: otherwise(
      '10m',
      duration('How long a browser may remember a preflight.', {
        min: 0,
        max: 86_400,
        whole: true,
      }),
    ),
  },
)
