import { Wrong } from './problem.ts'
import { asChoice, setting } from './setting.ts'

/** Methods of HTTP and its registered extensions that we forward. CONNECT and TRACE are none of them. */
const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'QUERY',
  ...['PROPFIND', 'PROPPATCH', 'MKCOL', 'COPY', 'MOVE', 'LOCK', 'UNLOCK', 'REPORT', 'SEARCH'],
]

export const method = setting('A method in upper case.', { enum: METHODS }, (value) => {
  const upper = typeof value === 'string' ? value.toUpperCase() : ''
  if (value !== upper && METHODS.includes(upper)) throw new Wrong(`must be in upper case: ${upper}`)
  return asChoice(value, METHODS)
})
