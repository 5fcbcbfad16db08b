/**
 * The cookies that we set, by their plain names; where the issuer is https they are called `__Host-…`.
 * They never go upstream, and no upstream may set one by such a name.
 */
export const COOKIE_NAMES = ['pc_browser', 'pc_session', 'pc_console', 'pc_demo'] as const

/** True for a cookie of ours, under either name. */
export const isOwnCookie = (name: string): boolean => OWN.has(name)

const OWN: ReadonlySet<string> = new Set(COOKIE_NAMES.flatMap((name) => [name, `__Host-${name}`]))
