const WELL_KNOWN = [
  '/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration',
  '/.well-known/jwks.json',
  '/.well-known/oauth-protected-resource',
]

/**
 * Tells the paths that are ours on every host: the endpoints' prefix, our well-known names, `/demo`, and all below them.
 * The path must be canonical already; nothing is decoded here.
 */
export const reservedPaths = (settings: { readonly paths: { readonly oauth: string } }) => {
  const ours = [settings.paths.oauth, '/demo', ...WELL_KNOWN]
  return (path: string): boolean => ours.some((own) => path === own || path.startsWith(`${own}/`))
}
