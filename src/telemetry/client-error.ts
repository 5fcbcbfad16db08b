import type { IncomingMessage } from 'node:http'

/**
 * Whether an error is what became of the client's own connection: it left, or what it sent was no HTTP. Anybody can cause
 * that at will, and nobody has anything to mend.
 */
export const isClientError = (error: unknown, req: IncomingMessage | undefined): boolean =>
  error instanceof Error && error === req?.socket.errored
