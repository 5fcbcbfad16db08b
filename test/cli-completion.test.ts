import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCommand } from './support/command-line.ts'

let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-completion-'))
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, output } = await runCommand(['completion', shell])
    expect(code).toBe(0)
    writeFileSync(join(folder, `portcullis.${shell}`), output)
  }
  writeFileSync(join(folder, 'a file.yaml'), '')
})
afterAll(() => rmSync(folder, { recursive: true }))

const isThere = (shell: string): boolean => {
  const found = spawnSync(shell, ['-c', 'exit 0']).status === 0
  if (!found) console.warn(`skipped: ${shell} is not installed`)
  return found
}

/** What the shell offers for a command line whose last word is being typed. */
const bash = (...words: readonly string[]): string[] => {
  const typed = ['portcullis', ...words]
  const script = `source ${folder}/portcullis.bash
COMP_WORDS=(${typed.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${typed.length - 1}
_portcullis; printf '%s\\n' "\${COMPREPLY[@]}"`
  return linesOf(execFileSync('bash', ['-c', script], { cwd: folder, encoding: 'utf8' }))
}

const fish = (...words: readonly string[]): string[] => {
  const line = ['portcullis', ...words].join(' ')
  const script = `source ${folder}/portcullis.fish; complete -C '${line}'`
  const env = { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder }
  const output = execFileSync('fish', ['-c', script], { cwd: folder, encoding: 'utf8', env })
  return linesOf(output).map((text) => text.split('\t')[0] ?? '')
}

/** zsh has no way to ask; its builtins are stood in for by functions that print what they are given. */
const zsh = (...words: readonly string[]): string[] => {
  const typed = ['portcullis', ...words]
  const script = `compdef() { }
_describe() { print -rl -- \${(P)argv[-1]%%:*} }
compadd() { shift; print -rl -- "$@" }
_files() { print FILES }
_message() { }
source ${folder}/portcullis.zsh
words=(${typed.map((word) => `'${word}'`).join(' ')}); CURRENT=${typed.length}
_portcullis`
  return linesOf(execFileSync('zsh', ['-f', '-c', script], { cwd: folder, encoding: 'utf8' }))
}

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '')

describe.runIf(isThere('bash'))('portcullis completion bash', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['commands', ['cl'], ['client']],
    ['commands of a command', ['client', 're'], []],
    ['commands of a command', ['client', 'ro'], ['rotate-secret']],
    ['options', ['client', 'list', '--so'], ['--source']],
    ['the choices of an option', ['client', 'list', '--source', 'o'], ['operator']],
    ['the choices of an argument', ['completion', 'z'], ['zsh']],
    ['files, with spaces in their names', ['check', 'a'], ['a file.yaml']],
    ['files for an option', ['doctor', '--config', 'a'], ['a file.yaml']],
    ['files for its short name', ['doctor', '-c', 'a'], ['a file.yaml']],
    ['nothing for a value that it cannot know', ['client', 'list', '--search', ''], []],
    ['options after the value of one', ['client', 'list', '--search', 'client', '--al'], ['--all']],
  ])('%s: %j', (_, words, expected) => {
    expect(bash(...words)).toEqual(expected)
  })

  it('every command of --help is offered', async () => {
    const { output } = await runCommand(['--help'])
    const named = [...output.matchAll(/^ {2}([a-z-]+) .*$/gm)].map(([, name]) => name)
    expect(named.filter((name) => name !== 'help').length).toBeGreaterThan(12)
    for (const name of named) if (name !== 'help') expect(bash('')).toContain(name)
  })
})

describe.runIf(isThere('fish'))('portcullis completion fish', () => {
  it.each<[readonly string[], string]>([
    [['cl'], 'client'],
    [['client', 'ro'], 'rotate-secret'],
    [['client', 'list', '--so'], '--source'],
    [['client', 'list', '--source', 'o'], 'operator'],
    [['completion', 'z'], 'zsh'],
    [['doctor', '--config', 'a'], 'a file.yaml'],
  ])('%j offers %s', (words, offered) => {
    expect(fish(...words).map((word) => word.replace(/^'(.*)'$/, '$1'))).toContain(offered)
  })

  it('a command is offered at its place alone', () => {
    expect(fish('client', 'st')).not.toContain('start')
  })
})

describe.runIf(isThere('zsh'))('portcullis completion zsh', () => {
  it.each<[readonly string[], string]>([
    [[''], 'client'],
    [['client', ''], 'rotate-secret'],
    [['client', 'list', ''], '--source'],
    [['client', 'list', '--source', ''], 'operator'],
    [['completion', ''], 'zsh'],
    [['doctor', '--config', ''], 'FILES'],
  ])('%j offers %s', (words, offered) => {
    expect(zsh(...words)).toContain(offered)
  })
})

describe('portcullis completion', () => {
  it('another shell is a mistake', async () => {
    const { code, errors } = await runCommand(['completion', 'tcsh'])
    expect(code).toBe(2)
    expect(errors).toContain('bash, zsh, fish')
  })
})

describe('--help', () => {
  it('everywhere, with examples for each command, and 0', async () => {
    const { output } = await runCommand(['--help'])
    const named = [...output.matchAll(/^ {2}([a-z-]+) .*$/gm)].map(([, name = '']) => name)
    for (const name of named.filter((one) => one !== 'help')) {
      const help = await runCommand([name, '--help'])
      expect(help.code, name).toBe(0)
      expect(help.output, name).toMatch(/Examples:\n {2}\$ .*portcullis/)
    }
  })

  it('without a command, and for one that it does not know, the way to help and 2', async () => {
    expect((await runCommand([])).code).toBe(2)
    const { code, errors } = await runCommand(['clinet'])
    expect(code).toBe(2)
    expect(errors).toMatch(/unknown command 'clinet'\n\(Did you mean client\?\)/)
  })

  it('docs/command-line.md names every command', async () => {
    const page = readFileSync(new URL('../docs/command-line.md', import.meta.url), 'utf8')
    const commandsOf = async (argv: readonly string[]): Promise<string[]> => {
      const { output } = await runCommand([...argv, '--help'])
      const [, list = ''] = /^Commands:\n((?: .*\n)*)/m.exec(output) ?? []
      const names = [...list.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name = '']) => name)
      const found = names.filter((name) => name !== 'help')
      if (found.length === 0) return [argv.join(' ')]
      return (await Promise.all(found.map((name) => commandsOf([...argv, name])))).flat()
    }
    const all = await commandsOf([])
    expect(all.length).toBeGreaterThan(30)
    for (const one of all) expect(page).toContain(`\`portcullis ${one}\``)
  })
})
