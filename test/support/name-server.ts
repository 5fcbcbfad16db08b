import { createSocket } from 'node:dgram'

/** A DNS server on loopback, for one name after the other as the test wants it. */
export type NameServer = {
  /** `127.0.0.1:PORT` */
  readonly address: string
  /** What it was asked: `A keys.example`. */
  readonly asked: readonly string[]
  /** The IPv4 addresses of a name; none: it does not exist. Undefined: no answer at all. */
  answer: (name: string) => readonly string[] | undefined
  stop(): void
}

export const startNameServer = async (): Promise<NameServer> => {
  const socket = createSocket('udp4')
  const asked: string[] = []
  socket.on('message', (query, { port, address }) => {
    const { name, end } = readName(query)
    const type = query.readUInt16BE(end)
    asked.push(`${type === 1 ? 'A' : 'AAAA'} ${name}`)
    const addresses = server.answer(name)
    if (addresses)
      socket.send(reply(query.subarray(0, end + 4), type === 1 ? addresses : []), port, address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const server: NameServer = {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    answer: () => [],
    stop: () => void socket.close(),
  }
  return server
}

/** The name of the only question (RFC 1035 §4.1.2), which begins behind the header. */
const readName = (query: Buffer): { name: string; end: number } => {
  const labels: string[] = []
  let at = 12
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.'), end: at + 1 }
}

/** With a TTL of nought: nobody may remember it. */
const reply = (question: Buffer, addresses: readonly string[]): Buffer => {
  const header = Buffer.from(question)
  header.writeUInt16BE(0x8180, 2)
  header.writeUInt16BE(addresses.length, 6)
  header.fill(0, 8, 12)
  const records = addresses.map((address) =>
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]),
  )
  return Buffer.concat([header, ...records])
}
