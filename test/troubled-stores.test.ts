import { describe, expect, it } from 'vitest'
import { postgres, redis } from './support/store-servers.ts'
import { suffer, TROUBLES } from './support/troubled.ts'

/** Thirty with `npm run chaos`. */
const SECONDS = 3
const absent = new Set([redis, postgres].filter((one) => one.absent).map(({ kind }) => kind))

describe('§5.2 what a store suffers under load: 503 in time, nothing acknowledged is lost, all is as it was afterwards', () => {
  const here = TROUBLES.filter(({ kind }) => kind === 'sqlite' || !absent.has(kind))
  it.each(here.map((trouble) => [trouble.row, trouble.name, trouble] as const))(
    '%s %s',
    async (_row, _name, trouble) => {
      const { problems, probes } = await suffer(trouble, SECONDS)
      expect(problems).toEqual([])
      expect(probes).toBeGreaterThan(1)
    },
    240_000,
  )
})
