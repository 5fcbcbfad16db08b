/** For the audit trail: of two states of a thing, what differs, before and after. */
export const changesBetween = (
  before: object,
  after: object,
): { readonly before: Values; readonly after: Values } => {
  const [old, next] = [new Map(Object.entries(before)), new Map(Object.entries(after))]
  const names = [...new Set([...old.keys(), ...next.keys()])].filter(
    (name) => JSON.stringify(old.get(name)) !== JSON.stringify(next.get(name)),
  )
  const of = (values: ReadonlyMap<string, unknown>): Values =>
    Object.fromEntries(names.map((name) => [name, values.get(name) ?? null]))
  return { before: of(old), after: of(next) }
}

type Values = Readonly<Record<string, unknown>>

/** The same of what is new, and of what is gone. */
export const added = (after: object) => ({ before: null, after })
export const removed = (before: object) => ({ before, after: null })

/** The same of being out of action, with the reason for it. */
export const disabling = (reason: string) => ({
  before: { disabled: null },
  after: { disabled: reason },
})
export const enabling = (reason: string | undefined) => ({
  before: { disabled: reason ?? null },
  after: { disabled: null },
})
