import type { IncomingMessage } from 'node:http'

/** Whether it came by TLS to this very listener. What a proxy says of it is not asked. */
export const isEncrypted = ({ socket }: Pick<IncomingMessage, 'socket'>): boolean =>
  'encrypted' in socket && socket.encrypted === true
