import { createInterface, type Interface } from 'node:readline'
import { type Readable, Writable } from 'node:stream'

/** Lines from standard input, whether a person types them or a program writes them. */
export type Prompt = {
  /** The next line; empty at the end of the input. */
  line(question: string): Promise<string>
  /** The same, but a terminal does not show what is typed. */
  secret(question: string): Promise<string>
  close(): void
}

/** Reads nothing before it is asked. Questions go to `questions`, and only when `input` is a terminal. */
export const openPrompt = (input: Readable & { isTTY?: boolean }, questions: Writable): Prompt => {
  let open: { lines: Interface; iterator: AsyncIterator<string>; echo: Echo } | undefined
  const reader = () => {
    if (open) return open
    const echo = createEcho(questions)
    const lines = createInterface({ input, output: echo.output, terminal: input.isTTY === true })
    open = { lines, iterator: lines[Symbol.asyncIterator](), echo }
    return open
  }
  const ask = async (question: string, visible: boolean): Promise<string> => {
    const { iterator, echo } = reader()
    if (input.isTTY) questions.write(question)
    echo.visible = visible
    const next = await iterator.next()
    if (input.isTTY && !visible) questions.write('\n')
    return next.done ? '' : next.value
  }
  return {
    line: (question) => ask(question, true),
    secret: (question) => ask(question, false),
    close: () => open?.lines.close(),
  }
}

type Echo = { visible: boolean; readonly output: Writable }

/** What readline would show of the typing, let through only while `visible`. */
const createEcho = (output: Writable): Echo => {
  const echo: Echo = {
    visible: true,
    output: new Writable({
      write(chunk, _encoding, done) {
        if (echo.visible) output.write(chunk)
        done()
      },
    }),
  }
  return echo
}
