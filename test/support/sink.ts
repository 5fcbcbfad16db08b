import { Writable } from 'node:stream'

/** A stream that keeps what is written to it. */
export const sink = (): Writable & { text(): string } => {
  let kept = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      kept += chunk
      done()
    },
  })
  return Object.assign(stream, { text: () => kept })
}
