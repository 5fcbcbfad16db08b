import type { Html } from './html.ts'
import { html } from './html.ts'

/** A secret that the walkthrough shows: marked wherever it turns up. */
export type ShownSecret = { readonly name: string; readonly value: string }

/** Text as it came, with every known secret in it marked, and what cannot be seen spelled out. */
export const textWithSecrets = (text: string, secrets: readonly ShownSecret[]): Html => {
  const names = new Map(secrets.map(({ name, value }) => [value, name]))
  if (names.size === 0) return html`${spelled(text)}`
  const longestFirst = [...names.keys()].sort((one, other) => other.length - one.length)
  const parts = text.split(new RegExp(`(${longestFirst.map(literally).join('|')})`))
  return html`${parts.map((part) => marked(part, names.get(part)))}`
}

const marked = (part: string, name: string | undefined): Html =>
  name === undefined ? html`${spelled(part)}` : html`<mark title="${name}">${part}</mark>`

const spelled = (text: string): string =>
  text.replace(
    /(?![\n\t])[\p{Cc}\p{Cf}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  )

const literally = (value: string): string => value.replace(/[^\w-]/g, '\\$&')
