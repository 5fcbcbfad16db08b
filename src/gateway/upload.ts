import type { IncomingMessage } from 'node:http'

/** Where the body of a request goes. */
type Sink = {
  /** False: no more for now. */
  writeBody(bytes: Buffer, chunked: boolean): boolean
  endBody(chunked: boolean): void
}

/** The body of a request on its way upstream. */
export type Upload = {
  /** There is room again. */
  resume(): void
  /** Nothing more goes there. */
  stop(): void
}

/** Sends a request's body on at the slower side's pace. `flowing` is told of each step, and may stop it. */
export const upload = (
  req: IncomingMessage,
  sink: Sink,
  { chunked, flowing }: { readonly chunked: boolean; readonly flowing: (bytes: number) => void },
): Upload => {
  let stopped = false
  const pass = (bytes: Buffer) => {
    flowing(bytes.length)
    if (!stopped && !sink.writeBody(bytes, chunked)) req.pause()
  }
  const end = () => sink.endBody(chunked)
  req.on('data', pass).once('end', end)
  return {
    resume: () => void req.resume(),
    stop() {
      if (stopped) return
      stopped = true
      req.off('data', pass).off('end', end)
      req.pause()
    },
  }
}
