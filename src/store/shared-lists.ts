/**
 * Gives one and the same frozen list for all lists of the same words, so that tokens in memory share what most of them have in
 * common. `most` lists are kept; one more begins anew.
 */
export const createSharedLists = (
  most: number,
): ((list: readonly string[]) => readonly string[]) => {
  const lists = new Map<string, readonly string[]>()
  return (list) => {
    const key = JSON.stringify(list)
    const known = lists.get(key)
    if (known !== undefined) return known
    if (lists.size >= most) lists.clear()
    const shared = Object.freeze([...list])
    lists.set(key, shared)
    return shared
  }
}
