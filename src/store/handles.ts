import type { Ended } from './tokens.ts'

/** Shared by every cached token under one grant, client or account: one flip ends them all. */
export type Handle = { live: boolean; users: number; readonly name: string }

export type Handles = {
  /** The handle of a name, counted as used once more. */
  hold(name: string): Handle
  release(handle: Handle): void
  /** Those who hold it now are ended; who asks later gets a fresh one. */
  end(name: string): void
}

export const createHandles = (): Handles => {
  const handles = new Map<string, Handle>()
  return {
    hold(name) {
      const handle = handles.get(name) ?? { live: true, users: 0, name }
      handle.users += 1
      handles.set(name, handle)
      return handle
    },
    release(handle) {
      handle.users -= 1
      if (handle.users === 0 && handles.get(handle.name) === handle) handles.delete(handle.name)
    },
    end(name) {
      const handle = handles.get(name)
      if (handle === undefined) return
      handle.live = false
      handles.delete(name)
    },
  }
}

/** The names under which an end is looked up: those of a token, and those of what ended. */
export const namesOf = (ended: Ended): string[] =>
  KINDS.flatMap((kind) => (ended[kind] === undefined ? [] : [`${kind} ${ended[kind]}`]))

const KINDS = ['grant_id', 'client_id', 'sub', 'token'] as const
