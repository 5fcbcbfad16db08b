/** What happens to a request's fields on the way. Values are told of fields that are ours alone. */
export type FieldChanges = {
  /** Names as they came. */
  readonly removed: readonly string[]
  /** Passed on, with less in them than came. */
  readonly cut: readonly string[]
  readonly set: readonly { readonly name: string; readonly value: string }[]
}

/** Compares two flat lists of names and values: what came, and what goes on. */
export const fieldChanges = (came: readonly string[], goes: readonly string[]): FieldChanges => {
  const before = pairs(came)
  const after = pairs(goes)
  const has = (list: readonly Field[], { name, value }: Field) =>
    list.some((other) => isNamed(other, name) && other.value === value)
  const gone = before.filter((field) => !has(after, field))
  const added = after.filter((field) => !has(before, field))
  const isCut = ({ name }: Field) => SECRET.has(name.toLowerCase())
  // Host is always one, and what was cut is still there.
  const isReplaced = (name: string) =>
    added.some((field) => isNamed(field, name) && (isCut(field) || isNamed(field, 'host')))
  return {
    removed: names(gone.filter(({ name }) => !isReplaced(name))),
    cut: names(added.filter(isCut)),
    set: added.filter((field) => !isCut(field)),
  }
}

type Field = { readonly name: string; readonly value: string }

const pairs = (flat: readonly string[]): Field[] =>
  flat.flatMap((name, at) => (at % 2 === 0 ? [{ name, value: flat[at + 1] ?? '' }] : []))

const isNamed = (field: Field, name: string): boolean =>
  field.name.toLowerCase() === name.toLowerCase()

const names = (fields: readonly Field[]): string[] => [...new Set(fields.map(({ name }) => name))]

/** Of these we never make a value of our own, but may take a part of one out. */
const SECRET = new Set(['cookie', 'authorization', 'proxy-authorization', 'sec-websocket-protocol'])
