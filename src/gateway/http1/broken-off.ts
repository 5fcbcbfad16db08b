/** The other side ended a connection before it had answered. `code` is that of a reset, which means the same. */
export class BrokenOff extends Error {
  override readonly name = 'BrokenOff'
  readonly code = 'ECONNRESET'
}
