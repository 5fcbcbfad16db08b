/** Adds a field name to the Vary of an answer (RFC 9110 §12.5.5), a flat list, unless it is there. */
export const addVary = (fields: string[], name: string): void => {
  for (let at = 0; at < fields.length; at += 2) {
    if (String(fields[at]).toLowerCase() !== 'vary') continue
    const named = String(fields[at + 1])
      .toLowerCase()
      .split(',')
      .map((each) => each.trim())
    if (named.includes('*') || named.includes(name.toLowerCase())) return
  }
  fields.push('Vary', name)
}
