import type { StoredClient } from './clients.ts'

/** With another secret, a digest; those that were good for good are so until `until`, seconds. */
export const withSecret = (client: StoredClient, minted: string, until: number): StoredClient => {
  const former = client.secrets
    .filter((secret) => secret.until === undefined)
    .map((secret) => ({ ...secret, until }))
  return { ...client, secrets: [{ digest: minted }, ...former] }
}

/** Whether what it was given before may show more than is left. */
export const losesScope = (before: StoredClient, after: StoredClient): boolean => {
  const left = after.scope?.split(' ')
  if (left === undefined) return false
  return before.scope?.split(' ').every((name) => left.includes(name)) !== true
}
