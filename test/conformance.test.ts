import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

import { CONFORMANCE_FILE, conformance } from './support/conformance.ts'

describe('docs/conformance.md', () => {
  it('says what the tests hold us to now (npm run docs:conformance writes it)', () => {
    expect(readFileSync(CONFORMANCE_FILE, 'utf8')).toBe(conformance())
  })

  it('knows the RFC and the section of every requirement', () => {
    const places = [...conformance().matchAll(/^\| ([^|]*) \| ([^|]+) \|/gm)]
    expect(places.filter(([, place]) => place?.trim() === '').map(([row]) => row)).toEqual([])
  })
})
