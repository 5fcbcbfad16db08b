import type { AdminAnswer, AdminClient } from './admin.ts'

/** Pages to the end; `between` is done after each page. */
export const walk = async (
  { admin }: { readonly admin: AdminClient },
  path: string,
  between: (page: AdminAnswer, at: number) => unknown = () => undefined,
) => {
  const items: Record<string, unknown>[] = []
  let next: string | undefined
  for (let at = 0; at < 1000; at += 1) {
    const joined = `${path}${path.includes('?') ? '&' : '?'}${next === undefined ? '' : `cursor=${next}`}`
    const page = await admin.token('GET', joined)
    if (page.status !== 200) throw new Error(`${joined}: ${page.text}`)
    items.push(...page.body.items)
    await between(page, at)
    next = page.body.next
    if (next === undefined) return items
  }
  throw new Error(`${path} has no end`)
}
