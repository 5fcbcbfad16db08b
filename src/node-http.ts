/**
 * Node's http as it is. An `import` of it would read every export once, WebSocket among them, and with that load Node's
 * whole fetch: 25 ms at each start, more than all else that listening takes.
 */
export const {
  createServer,
  IncomingMessage,
  STATUS_CODES,
  validateHeaderName,
  validateHeaderValue,
} = process.getBuiltinModule('node:http')
