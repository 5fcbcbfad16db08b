import { readFileSync } from 'node:fs'
import { consoleStyles } from '../../pages/console/console-styles.ts'
import { icon } from '../../pages/mark.ts'
import { digest } from '../../store/secrets.ts'

type Asset = { readonly type: string; readonly body: string }

/** What pages of the console load, at addresses that change with it. */
export const createAssets = () => {
  const script = readFileSync(new URL(import.meta.resolve('htmx.org/dist/htmx.min.js')), 'utf8')
  const [style, layer, mark] = [
    addressOf('console', 'css', consoleStyles),
    addressOf('htmx', 'js', script),
    addressOf('icon', 'svg', icon),
  ]
  const assets: ReadonlyMap<string, Asset> = new Map([
    [style, { type: 'text/css; charset=utf-8', body: consoleStyles }],
    [layer, { type: 'text/javascript; charset=utf-8', body: script }],
    [mark, { type: 'image/svg+xml', body: icon }],
  ])
  return {
    addresses: { style, script: layer, icon: mark },
    find: (path: string) => assets.get(path),
  }
}

const addressOf = (name: string, ending: string, body: string): string =>
  `/assets/${name}.${digest(body).slice(0, 16)}.${ending}`
