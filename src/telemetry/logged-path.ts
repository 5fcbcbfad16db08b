/**
 * The path of a request target, fit for a log: without query and fragment, and without the credentials of an absolute form,
 * all of which may hold secrets.
 */
export const loggedPath = (target: string): string => {
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  // As almost always.
  if (path.charCodeAt(0) === SLASH && !path.includes('#')) return path
  return path.replace(FRAGMENT, '').replace(CREDENTIALS, '$1')
}

const SLASH = 0x2f
const FRAGMENT = /#.*$/s
const CREDENTIALS = /^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i
