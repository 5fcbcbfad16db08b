import type { Readable, Writable } from 'node:stream'

/** What a command may touch of the process around it. Given by main.ts; tests give their own. */
export type Terminal = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean }
  readonly stderr: Writable & { readonly isTTY?: boolean }
  /** Calls `listener` for each signal of that name; returns the way to stop. */
  onSignal(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP', listener: () => void): () => void
  /** Calls `listener` for what nobody caught, in place of ending the process. */
  onFailure(
    listener: (kind: 'unhandledRejection' | 'uncaughtException', error: unknown) => void,
  ): void
}
