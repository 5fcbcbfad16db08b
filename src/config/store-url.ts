import { isAbsolute } from 'node:path'
import { nearest } from './nearest.ts'
import { Wrong } from './problem.ts'
import type { StoreTls } from './store-location.ts'

/** The parts of a store's URL. No message of ours repeats one of them: the text may hold a password. */
export type StoreUrl = {
  readonly host: string
  readonly port: number
  readonly username?: string
  readonly password?: string
  /** What follows the host, without its slash. */
  readonly path: string
  readonly parameters: ReadonlyMap<string, string>
}

/** `kind` names the scheme in messages; `known` are the parameters that may follow a `?`. */
export const parseStoreUrl = (
  text: string,
  { kind, port, known }: { kind: string; port: number; known: readonly string[] },
): StoreUrl => {
  const url = /^[a-z]+:\/\//.test(text) ? URL.parse(text) : null
  if (url === null) throw new Wrong(`must be a ${kind}:// URL with a host`)
  const parameters = readParameters(url.searchParams, known)
  const host = parameters.get('host') ?? url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (host === '') throw new Wrong(`must be a ${kind}:// URL with a host`)
  if (url.hash !== '') throw new Wrong('must not have a #: in a password it is written %23')
  return {
    host,
    port: url.port === '' ? port : Number(url.port),
    ...(url.username !== '' && { username: decode(url.username) }),
    ...(url.password !== '' && { password: decode(url.password) }),
    path: decode(url.pathname.slice(1)),
    parameters,
  }
}

const readParameters = (given: URLSearchParams, known: readonly string[]) => {
  const parameters = new Map<string, string>()
  for (const [name, value] of given) {
    if (!known.includes(name)) {
      const close = nearest(name, known)
      const hint = close === undefined ? `known are ${known.join(', ')}` : `did you mean ${close}?`
      throw new Wrong(`has a parameter that is not known behind its ?: ${hint}`)
    }
    if (parameters.has(name)) throw new Wrong(`has ${name} twice behind its ?`)
    if (value === '') throw new Wrong(`must give ${name} a value`)
    parameters.set(name, value)
  }
  return parameters
}

const decode = (part: string): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new Wrong('has a % that does not stand for a character: write it as %25')
  }
}

/** A parameter that is a whole number. */
export const wholeNumber = (
  { parameters }: StoreUrl,
  name: string,
  { otherwise, from, to }: { otherwise: number; from: number; to: number },
): number => {
  const text = parameters.get(name)
  if (text === undefined) return otherwise
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (!(number >= from && number <= to))
    throw new Wrong(`must have a whole number from ${from} to ${to} as ${name}`)
  return number
}

/** Files of PEM, by the names that a kind of store gives them. */
export const tlsFiles = (
  { parameters }: StoreUrl,
  names: { ca: string; cert: string; key: string },
  verify: StoreTls['verify'],
): StoreTls => {
  const [ca, cert, key] = [names.ca, names.cert, names.key].map((name) => parameters.get(name))
  if ((cert === undefined) !== (key === undefined))
    throw new Wrong(`must have ${names.cert} and ${names.key} together, or neither`)
  return {
    verify,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  }
}

/** The same with the texts of the files, which start at `folder`. */
export const withPem = (tls: StoreTls, read: (file: string) => string): StoreTls => ({
  ...tls,
  ...(tls.ca !== undefined && { ca: read(tls.ca) }),
  ...(tls.cert !== undefined && { cert: read(tls.cert) }),
  ...(tls.key !== undefined && { key: read(tls.key) }),
})

export const isSocket = (host: string): boolean => isAbsolute(host)
