import { mkdir, mkdtemp, rename, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Config } from '../src/config/config.ts'
import { formatProblem, loadConfiguration, type Problem } from '../src/config/load.ts'
import { type ConfigurationWatch, watchConfiguration } from '../src/config/reload.ts'
import { until } from './support/portcullis.ts'

let folder = ''
let file = ''
let watch: ConfigurationWatch | undefined
let applied: Config[] = []
let refused: string[][] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portcullis-reload-'))
  file = join(folder, 'portcullis.yaml')
  applied = []
  refused = []
})
afterEach(async () => {
  watch?.close()
  await rm(folder, { recursive: true, force: true })
})

const text = (drain: string) => `issuer: http://localhost:8080\ndrain: ${drain}\n`
const load = () => loadConfiguration(file, {})
const refuse = (problems: readonly Problem[]) => {
  refused.push(problems.map((problem) => formatProblem({ ...problem, file: 'FILE' })))
}
const apply = (config: Config) => void applied.push(config)

/** Loads what is there and watches it, as a start does. */
const start = async (apply_: (config: Config) => Promise<void> | void = apply) => {
  const { stamp } = await load()
  watch = watchConfiguration({ file, load, apply: apply_, refuse, since: stamp })
  return watch
}

const drains = () => applied.map(({ drain }) => drain)

describe('a change of the file', () => {
  it('that is written in place is applied', async () => {
    await writeFile(file, text('1s'))
    await start()
    await writeFile(file, text('2s'))
    await until(() => applied.length > 0)
    expect(drains()).toEqual([2])
    expect(refused).toEqual([])
  })

  it('that an editor makes by a rename is applied', async () => {
    await writeFile(file, text('1s'))
    await start()
    for (const drain of ['2s', '3s']) {
      const count = applied.length
      await writeFile(`${file}~`, text(drain))
      await rename(`${file}~`, file)
      await until(() => applied.length > count)
    }
    expect(drains()).toEqual([2, 3])
  })

  it('that is the turn of a symbolic link, as Kubernetes does, is applied', async () => {
    for (const drain of ['1s', '2s']) {
      await mkdir(join(folder, drain))
      await writeFile(join(folder, drain, 'portcullis.yaml'), text(drain))
    }
    await symlink('1s', join(folder, '..data'))
    await symlink(join('..data', 'portcullis.yaml'), file)
    await start()
    await symlink('2s', join(folder, '..data_tmp'))
    await rename(join(folder, '..data_tmp'), join(folder, '..data'))
    await until(() => applied.length > 0)
    expect(drains()).toEqual([2])
  })

  it('of the same length and with the time set back is applied', async () => {
    const then = new Date(1_700_000_000_000)
    await writeFile(file, text('1s'))
    await utimes(file, then, then)
    await start()
    await writeFile(file, text('2s'))
    await utimes(file, then, then)
    await until(() => applied.length > 0)
    expect(drains()).toEqual([2])
  })

  it('between the load and the watch is applied', async () => {
    await writeFile(file, text('1s'))
    const { stamp } = await load()
    await writeFile(file, text('2s'))
    watch = watchConfiguration({ file, load, apply, refuse, since: stamp })
    await until(() => applied.length > 0)
    expect(drains()).toEqual([2])
  })

  it('is noticed once, however many writes it takes', async () => {
    await writeFile(file, text('1s'))
    await start()
    for (let length = 1; length <= text('20s').length; length += 1)
      await writeFile(file, text('20s').slice(0, length))
    await until(() => applied.length > 0)
    expect(drains()).toEqual([20])
    expect(refused).toEqual([])
  })
})

describe('a broken file', () => {
  it('changes nothing, names its problems, and is forgotten when it is mended', async () => {
    await writeFile(file, text('1s'))
    const { problems } = await start()
    expect(problems()).toEqual([])

    await writeFile(file, text('soon'))
    await until(() => refused.length > 0)
    const problem =
      'FILE:2:8 drain: must be a duration: a number and ms, s, m, h or d, such as 90s or 10m'
    expect(refused).toEqual([[problem]])
    expect(problems()).toMatchObject([{ file, line: 2, column: 8, path: 'drain' }])
    expect(applied).toEqual([])

    await writeFile(file, text('2s'))
    await until(() => applied.length > 0)
    expect(drains()).toEqual([2])
    expect(problems()).toEqual([])
    expect(refused).toHaveLength(1)
  })

  it('that is not there any more changes nothing', async () => {
    await writeFile(file, text('1s'))
    const { problems } = await start()
    await unlink(file)
    await until(() => problems().length > 0)
    expect(refused).toEqual([['FILE:1:1: does not exist']])
    await writeFile(file, text('1s'))
    await until(() => applied.length > 0)
    expect(problems()).toEqual([])
  })

  it('that is good but cannot be put into force is told of, and tried again when it changes', async () => {
    await writeFile(file, text('1s'))
    const { problems } = await start(async (config) => {
      if (config.drain === 2) throw new Error('the address is in use')
      applied.push(config)
    })
    await writeFile(file, text('2s'))
    await until(() => problems().length > 0)
    expect(refused).toEqual([
      ['FILE:1:1: is good, but could not be applied: the address is in use'],
    ])
    await writeFile(file, text('3s'))
    await until(() => applied.length > 0)
    expect(drains()).toEqual([3])
    expect(problems()).toEqual([])
  })
})

describe('reload()', () => {
  it('reads the file at once, changed or not', async () => {
    await writeFile(file, text('1s'))
    const { reload } = await start()
    await reload()
    expect(drains()).toEqual([1])
    await writeFile(file, text('2s'))
    await reload()
    expect(drains()).toEqual([1, 2])
    await writeFile(file, 'x')
    await reload()
    expect(drains()).toEqual([1, 2])
    expect(refused).toHaveLength(1)
  })

  it('applies one after the other; calls that come meanwhile share the next', async () => {
    await writeFile(file, text('1s'))
    const gate = Promise.withResolvers<void>()
    let running = 0
    let most = 0
    const { reload } = await start(async (config) => {
      running += 1
      most = Math.max(most, running)
      await gate.promise
      running -= 1
      applied.push(config)
    })
    const first = reload()
    await until(() => running > 0)
    const others = [reload(), reload(), reload()]
    gate.resolve()
    await Promise.all([first, ...others])
    expect(applied).toHaveLength(2)
    expect(most).toBe(1)
  })

  it('does not take what changes while it is read', async () => {
    await writeFile(file, text('1s'))
    let half = true
    watch = watchConfiguration({
      file,
      async load() {
        const loaded = await load()
        if (half) await writeFile(file, text('2s'))
        half = false
        return loaded
      },
      apply,
      refuse,
    })
    await watch.reload()
    expect(applied).toEqual([])
    await watch.reload()
    expect(drains()).toEqual([2])
  })

  it('nothing is read after close()', async () => {
    await writeFile(file, text('1s'))
    let looks = 0
    const counted = async () => {
      looks += 1
      return load()
    }
    const other = watchConfiguration({ file, load: counted, apply: () => {}, refuse, since: 'x' })
    other.close()
    await start()
    await writeFile(file, text('2s'))
    await until(() => applied.length > 0)
    expect(looks).toBe(0)
  })
})
