import {
  type Alias,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
} from 'yaml'
import type { Interpolate } from './interpolation.ts'
import { type Path, Wrong } from './problem.ts'
import { yamlMistake } from './yaml-mistake.ts'

/** A YAML text as plain data, and where in the text each piece of it stands. */
export type YamlTree = {
  /** Objects have no prototype; what was left empty is absent (see `isSaid`). Undefined: it could not be read. */
  readonly data: unknown
  /** Offset of the value at a path, or of its key; of the nearest thing around it when it is not there. */
  offset(path: Path, of: 'key' | 'value'): number
  readonly faults: readonly Fault[]
}

type Fault = { readonly path: Path; readonly offset: number; readonly message: string }

/** Reads one YAML 1.2 document. Never throws: what is wrong is among the faults, all of it. */
export const readTree = (text: string, interpolate: Interpolate): YamlTree => {
  const root: Spot = { offset: 0, keyOffset: 0, children: new Map() }
  const offset: YamlTree['offset'] = (path, of) => {
    const spot = follow(root, path)
    return of === 'key' ? spot.keyOffset : spot.offset
  }
  const { contents, faults } = parse(text)
  if (faults.length > 0) return { data: undefined, offset, faults }
  const build = builder(interpolate, faults)
  return { data: attemptBuild(() => build(contents, [], root), faults), offset, faults }
}

type Parsed = { readonly contents: Node | null; readonly faults: Fault[] }

const parse = (text: string): Parsed => {
  // The parser is recursive, and its end of stack may be the end of the process.
  if (isBottomless(text)) return { contents: null, faults: [whole('is nested too deeply')] }
  try {
    const document = parseDocument(text.replace(BARE_MEMORY, '$1 '), OPTIONS)
    const mistakes = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0])
    const lines = Map.groupBy(mistakes, ({ pos }) => text.lastIndexOf('\n', pos[0] - 1))
    // What follows on the same line is only the echo of the first.
    const faults = Array.from(lines.values(), ([first]) => first)
      .filter((first) => first !== undefined)
      .map(({ code, pos: [at] }) => ({
        path: [],
        offset: at,
        message: yamlMistake(code, text, at),
      }))
    return { contents: document.contents, faults }
  } catch {
    return { contents: null, faults: [whole('is not valid YAML')] }
  }
}

const OPTIONS = { prettyErrors: false, uniqueKeys: false, logLevel: 'error' } as const

// `store: memory:` reads well and is no YAML, for its second colon. A blank in its place keeps all offsets.
const BARE_MEMORY = /^(store:[ \t]+memory):(?=[ \t]*(?:#.*)?$)/m

const whole = (message: string): Fault => ({ path: [], offset: 0, message })

const isBottomless = (text: string): boolean => {
  if (/(?:[-?:][ \t]+){50}/.test(text)) return true
  let depth = 0
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth = Math.max(0, depth + (bracket === '[' || bracket === '{' ? 1 : -1))
    if (depth > DEEPEST) return true
  }
  return false
}

type Spot = { offset: number; keyOffset: number; readonly children: Map<string | number, Spot> }

const follow = (root: Spot, path: Path): Spot => {
  let spot = root
  for (const step of path) {
    const next = spot.children.get(step)
    if (next === undefined) return spot
    spot = next
  }
  return spot
}

const attemptBuild = (build: () => unknown, faults: Fault[]): unknown => {
  try {
    return build()
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    faults.push(whole(error.message))
    return undefined
  }
}

type Build = (node: unknown, path: Path, spot: Spot) => unknown

const builder = (interpolate: Interpolate, faults: Fault[]): Build => {
  const anchors = new Map<string, Node>()
  const within = new Set<Node>()
  let values = 0

  const build: Build = (node, path, spot) => {
    values += 1
    if (values > MOST_VALUES) throw new Wrong(`holds more than ${MOST_VALUES} values`)
    if (path.length > DEEPEST) throw new Wrong('is nested too deeply')
    if (isAlias(node)) return buildAlias(node, path, spot)
    if (!isMap(node) && !isSeq(node) && !isScalar(node)) return null
    spot.offset = node.range?.[0] ?? spot.offset
    if (node.anchor !== undefined) anchors.set(node.anchor, node)
    if (isMap(node)) return buildMap(node.items, path, spot)
    if (isSeq(node)) return node.items.map((item, index) => buildItem(item, index, path, spot))
    return typeof node.value === 'string' ? buildText(node.value, path, spot) : node.value
  }

  const buildAlias = (alias: Alias, path: Path, spot: Spot): unknown => {
    const anchored = anchors.get(alias.source)
    const offset = alias.range?.[0] ?? spot.offset
    if (anchored === undefined || within.has(anchored)) {
      faults.push({
        path,
        offset,
        message: 'is an alias (*) of nothing above; quote it if it is text',
      })
      return UNREADABLE
    }
    within.add(anchored)
    const data = build(anchored, path, spot)
    within.delete(anchored)
    // The value is written elsewhere, but this is where it was asked for.
    spot.offset = offset
    return data
  }

  const buildItem = (item: unknown, index: number, path: Path, around: Spot): unknown => {
    const spot = newSpot(around.offset)
    around.children.set(index, spot)
    const data = build(item, [...path, index], spot)
    spot.keyOffset = spot.offset
    return data
  }

  const buildMap = (items: readonly Pair[], path: Path, around: Spot): unknown => {
    const data: Record<string, unknown> = Object.create(null)
    for (const { key, value } of items) {
      const offset = (isNode(key) ? key.range?.[0] : undefined) ?? around.offset
      const name = isScalar(key) && key.value !== null ? String(key.value) : ''
      const fault = keyFault(name, around)
      if (fault !== undefined) {
        faults.push({ path: [...path, name], offset, message: fault })
        continue
      }
      const spot = newSpot(offset)
      around.children.set(name, spot)
      const built = build(value, [...path, name], spot)
      if (isSaid(built, path, name)) data[name] = built
    }
    return data
  }

  const buildText = (text: string, path: Path, { offset }: Spot): string | symbol => {
    try {
      return interpolate(text)
    } catch (error) {
      if (!(error instanceof Wrong)) throw error
      faults.push({ path, offset, message: error.message })
      return UNREADABLE
    }
  }

  return build
}

/** In place of a value that is there but could not be had: no check may take its key for left out. */
const UNREADABLE = Symbol('unreadable')

const newSpot = (offset: number): Spot => ({ offset, keyOffset: offset, children: new Map() })

const keyFault = (name: string, around: Spot): string | undefined => {
  if (name === '') return 'must be a plain word as a key'
  if (name === '__proto__') return 'cannot be a key'
  if (around.children.has(name)) return 'is given twice'
  return undefined
}

/**
 * An empty value (`secret: ${SECRET:-}`, or nothing after the colon) is as good as no key at all, except where the key's
 * absence would open a door: then it stays, and is found wrong. So do names of our users' own.
 */
const isSaid = (value: unknown, around: Path, key: string): boolean =>
  (value !== null && value !== '') ||
  DOORS.has(key) ||
  (around.length === 1 && (around[0] === 'scopes' || around[0] === 'upstreams'))

const DOORS: ReadonlySet<string> = new Set(['scope', 'methods', 'host', 'client_secret'])
const DEEPEST = 50
const MOST_VALUES = 100_000
