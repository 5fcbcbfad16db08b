import { execFileSync } from 'node:child_process'
import { open, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { afterEach, describe, expect, it } from 'vitest'
import {
  respawnPortcullis,
  type SpawnedPortcullis,
  spawnPortcullis,
  until,
} from './support/portcullis.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const configuration = (workers: number) => `
workers: ${workers}
scopes: { a: See a }
upstreams: { api: http://127.0.0.1:9 }
routes: [{ path: /before/*, upstream: api, scope: a }]
`

/** Starts it on a file that is another by the time that it has read it, and before it does anything else. */
const changedMeanwhile = async (
  laid: SpawnedPortcullis,
  change: (text: string) => string,
): Promise<SpawnedPortcullis> => {
  const { file } = laid
  const text = await readFile(file, 'utf8')
  await unlink(file)
  // Who reads a pipe waits for its end: until then it has done nothing but open the file.
  execFileSync('mkfifo', [file])
  const starting = respawnPortcullis(laid)
  starting.catch(() => {})
  const pipe = await open(file, 'w')
  await pipe.writeFile(text)
  await writeFile(`${file}~`, change(text))
  await rename(`${file}~`, file)
  await pipe.close()
  return starting
}

describe('§2 a change between reading and watching', () => {
  const laidOut = async (workers: number): Promise<SpawnedPortcullis> => {
    const laid = await spawnPortcullis(configuration(workers))
    closers.push(laid.stop)
    await laid.end()
    return laid
  }
  const statusOf = async (url: string) => (await fetch(url, { headers: ALONE })).status

  it.each([1, 2])(
    'is put in force, with workers: %d',
    async (workers) => {
      const laid = await laidOut(workers)
      const running = await changedMeanwhile(laid, (text) => text.replace('/before/*', '/after/*'))
      closers.push(running.end)
      await until(() => running.output().includes('"configuration.applied"'), 30)
      expect(await statusOf(`${running.origin}/after/x`)).toBe(401)
      expect(await statusOf(`${running.origin}/before/x`)).toBe(404)
      expect(running.output().split('"configuration.applied"')).toHaveLength(2)
    },
    90_000,
  )

  it.each([1, 2])(
    'that is a mistake is told of, with workers: %d',
    async (workers) => {
      const laid = await laidOut(workers)
      const running = await changedMeanwhile(laid, (text) => text.replace('routes:', 'rotes:'))
      closers.push(running.end)
      await until(async () => {
        const answer = await fetch(`${running.admin}/readyz`, { headers: ALONE })
        return answer.status === 200 && (await answer.text()).includes('rotes')
      }, 30)
      expect(await statusOf(`${running.origin}/before/x`)).toBe(401)
    },
    90_000,
  )
})

const ALONE = { Connection: 'close' }
