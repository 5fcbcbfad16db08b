export type FieldsGiven = Readonly<Record<string, string | undefined>>

export const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** Of that key: RFC 6455 §1.3. */
export const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

/** A client's opening handshake as it goes over the wire; a field that is undefined is left out. */
export const handshake = (given: FieldsGiven = {}, line = 'GET /live HTTP/1.1'): string =>
  head(line, {
    Host: 'gateway',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': KEY,
    'Sec-WebSocket-Version': '13',
    ...given,
  })

/** A server's answer to it. */
export const switching = (given: FieldsGiven = {}): string =>
  head('HTTP/1.1 101 Switching Protocols', {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Accept': ACCEPT,
    ...given,
  })

const head = (line: string, fields: FieldsGiven): string => {
  const lines = Object.entries(fields).filter(([, value]) => value !== undefined)
  return `${[line, ...lines.map(([name, value]) => `${name}: ${value}`)].join('\r\n')}\r\n\r\n`
}

export const statusOf = (answer: string): number => Number(answer.slice(9, 12))
