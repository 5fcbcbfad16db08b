import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { nearest } from './nearest.ts'
import { Wrong } from './problem.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** A text with its `${…}` filled in. Throws `Wrong` for one that cannot be. */
export type Interpolate = (text: string) => string

/**
 * Fills in `${NAME}`, `${NAME:-default}` and `${file:/path}`; `$${` stands for `${` itself. What is filled in is taken as
 * it is: never interpolated again, never read as YAML. The files that `source` names are read first.
 */
export const prepareInterpolation = async (
  source: string,
  env: Environment,
  folder: string,
): Promise<Interpolate> => {
  const files = await readNamedFiles(source, folder)
  return (text) =>
    text.includes('${')
      ? text.replace(EXPRESSION, (all, found: string | undefined) =>
          found === undefined ? all.slice(1) : evaluate(found, env, files),
        )
      : text
}

type FileTexts = ReadonlyMap<string, string | Wrong>

const evaluate = (found: string, env: Environment, files: FileTexts): string => {
  if (!found.endsWith('}')) throw new Wrong(FORMS)
  const expression = found.slice(0, -1)
  if (expression.startsWith('file:')) return fileText(expression.slice('file:'.length), files)
  const [, name, fallback] = VARIABLE.exec(expression) ?? []
  // What stands between the braces may be a piece of a secret: it is not repeated.
  if (name === undefined) throw new Wrong(FORMS)
  const value = Object.hasOwn(env, name) ? env[name] : undefined
  // As in a shell, `:-` also stands in for a variable that is set and empty.
  if (fallback !== undefined) return value === undefined || value === '' ? fallback : value
  if (value === undefined) throw new Wrong(unset(name, env))
  return value
}

const unset = (name: string, env: Environment): string => {
  const near = nearest(name, Object.keys(env))
  const hint = near ? `did you mean "${near}"?` : `\${${name}:-…} gives it a default`
  return `needs the environment variable ${name}, which is not set; ${hint}`
}

const fileText = (name: string, files: FileTexts): string => {
  const text = files.get(name) ?? new Wrong('names a file that cannot be told from the text')
  if (typeof text === 'string') return text
  throw text
}

/** The files that `source` names in `${file:…}`, as they are written there. */
export const namedFiles = (source: string): readonly string[] => [
  ...new Set(Array.from(source.matchAll(/\$\{file:([^}]*)\}/g), ([, name = '']) => name)),
]

const readNamedFiles = async (source: string, folder: string): Promise<FileTexts> => {
  const entries = namedFiles(source).map(
    async (name) => [name, await readNamed(name, folder)] as const,
  )
  return new Map(await Promise.all(entries))
}

/** The file's text without the line end that editors and `echo` put last; what went wrong in its place. */
const readNamed = async (name: string, folder: string): Promise<string | Wrong> => {
  const file = resolve(folder, name)
  try {
    const { size, isFile } = await stat(file).then((found) => ({
      size: found.size,
      isFile: found.isFile(),
    }))
    if (!isFile) return new Wrong(`needs ${file}, which is not a file`)
    if (size > LARGEST) return new Wrong(`needs ${file}, which has more than 64kb`)
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : error
    if (code === 'ENOENT') return new Wrong(`needs the file ${file}, which is not there`)
    return new Wrong(`needs the file ${file}, which cannot be read (${code})`)
  }
}

// `$${` first, so that it is not taken for an expression; one without its `}` runs to the end and fits no form.
const EXPRESSION = /\$\$\{|\$\{([^}]*\}?)/g
const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s
const FORMS = `has a \${…} that is none of \${NAME}, \${NAME:-default}, \${file:/path}; $\${ stands for a plain \${`
const LARGEST = 65_536
