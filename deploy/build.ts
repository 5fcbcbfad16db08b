import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RolldownOutput, rolldown } from 'rolldown'

/**
 * Builds the program into `target`: our sources, and the libraries that every start waits for, in a few files
 * (docs/decisions/0010). All other libraries stay in node_modules.
 */
export const build = async (target: string): Promise<void> => {
  rmSync(target, { recursive: true, force: true })
  const bundle = await rolldown({
    input: ENTRIES.map((entry) => join(ROOT, 'src', entry)),
    platform: 'node',
    external: (id) => !INCLUDED.test(id),
    transform: { target: 'esnext' },
  })
  const { output } = await bundle.write({ dir: target, format: 'esm', sourcemap: true })
  writeFileSync(join(target, 'sources.json'), JSON.stringify(sourcesOf(output)))
  await bundle.close()
  for (const name of LIBRARIES)
    copyFileSync(join(ROOT, 'node_modules', name, 'LICENSE'), join(target, `LICENSE.${name}`))
}

/** The launcher asks whether one of them has changed since. */
const sourcesOf = (output: RolldownOutput['output']): string[] =>
  output
    .flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []))
    .map((id) => relative(join(ROOT, 'src'), id))
    .filter((path) => !path.startsWith('..') && path.endsWith('.ts'))

/** Each keeps its name: the program starts the second as a thread and the third as a process. */
const ENTRIES = ['main.ts', 'store/sqlite-writer.ts', 'demo/orders-api.ts']

/** What reads the configuration is cut into many small files. */
const LIBRARIES = ['yaml', 'zod']

/** Paths, the libraries above, and what the bundler itself puts in: it rewrites a template that holds `</script>`. */
const INCLUDED = new RegExp(
  `^(\\.|/|\\0|(${[...LIBRARIES, '@oxc-project/runtime'].join('|')})(/|$))`,
)

const ROOT = fileURLToPath(new URL('..', import.meta.url))

if (import.meta.main) await build(process.argv[2] ?? join(ROOT, 'dist'))
