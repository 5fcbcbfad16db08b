/** The one stylesheet of all pages; inlined, so that a page is one answer, and allowed by its hash. */
export const stylesheet = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:2rem auto;padding:0 1rem}`
