import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Lays out in `target` what is published on npm: the paths under `files` of package.json, README and LICENSE, and a manifest
 * without what only a checkout needs. npm publishes a manifest as it stands, so the platform packages that bring Node to
 * a checkout would come with it; package.json is therefore private, and this folder is what gets published
 * (docs/decisions/0007). `dist`: the built program.
 */
export const layOutPackage = (target: string, dist: string): void => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  for (const path of [...manifest.files, 'README.md', 'LICENSE'])
    cpSync(path === 'dist' ? dist : join(ROOT, path), join(target, path), {
      recursive: true,
      // A store that was started from config/ lies in config/data/.
      filter: (source) => basename(source) !== 'data',
    })
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(published(manifest), null, 2)}\n`)
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const PUBLISHED = new Set([
  ...['name', 'version', 'description', 'keywords', 'license', 'type', 'engines', 'bin', 'files'],
  'dependencies',
])

const published = (manifest: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(manifest).filter(([field]) => PUBLISHED.has(field)))

if (import.meta.main) layOutPackage(join(ROOT, 'package'), join(ROOT, 'dist'))
