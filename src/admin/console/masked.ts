import type { Exchange, Message } from '../../demo/exchange.ts'
import type { ShownSecret } from '../../pages/shown-secrets.ts'

export type MaskedExchange = {
  readonly exchange: Exchange
  /** The masks in it, with what each hides. */
  readonly masks: readonly ShownSecret[]
}

/** What went over the wire, without the secrets in it: enough of each is left to tell it from others. */
export const masked = (exchange: Exchange, secrets: readonly ShownSecret[]): MaskedExchange => {
  const hide = hiding(secrets)
  const message = ({ start, headers, body, incidental }: Message): Message => ({
    start: hide(start),
    headers: headers.map(([name, value]) => [name, hide(value)]),
    body: hide(body),
    ...(incidental && { incidental: incidental.map(([name, value]) => [name, hide(value)]) }),
  })
  return {
    exchange: {
      ...exchange,
      url: hide(exchange.url),
      request: message(exchange.request),
      response: message(exchange.response),
    },
    masks: secrets.map(({ name, value }) => ({ name, value: maskOf(name, value) })),
  }
}

/** Longer ones first: one may stand in another. */
export const hiding = (secrets: readonly ShownSecret[]): ((text: string) => string) => {
  const longestFirst = secrets
    .filter(({ value }) => value !== '')
    .toSorted((one, other) => other.value.length - one.value.length)
  return (text) =>
    longestFirst.reduce(
      (rest, { name, value }) => rest.replaceAll(value, () => maskOf(name, value)),
      text,
    )
}

const maskOf = (name: string, value: string): string => {
  const prefix = /^pc_[a-z]+_/.exec(value)?.[0]
  return prefix !== undefined && value.length >= 32 ? `${prefix}…${value.slice(-4)}` : `(${name})`
}
