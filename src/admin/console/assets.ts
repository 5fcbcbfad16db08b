import { readFileSync } from 'node:fs'
import { consoleStyles } from '../../pages/console/console-styles.ts'
import { digest } from '../../store/secrets.ts'

export type Asset = { readonly type: string; readonly body: string }

/** What pages of the console load, at addresses that change with it. */
export const createAssets = () => {
  const script = readFileSync(new URL(import.meta.resolve('htmx.org/dist/htmx.min.js')), 'utf8')
  const [style, layer] = [
    addressOf('console', 'css', consoleStyles),
    addressOf('htmx', 'js', script),
  ]
  const assets: ReadonlyMap<string, Asset> = new Map([
    [style, { type: 'text/css; charset=utf-8', body: consoleStyles }],
    [layer, { type: 'text/javascript; charset=utf-8', body: script }],
  ])
  return { addresses: { style, script: layer }, find: (path: string) => assets.get(path) }
}

const addressOf = (name: string, ending: string, body: string): string =>
  `/assets/${name}.${digest(body).slice(0, 16)}.${ending}`
