import { Mistake } from './mistake.ts'

/** One end of the line between the process that supervises and a worker. */
export type Line = {
  /** Resolves to what the other end's handler of that name answers; rejects with its failure, or after `seconds`. */
  ask<Answer>(name: string, body?: unknown, seconds?: number): Promise<Answer>
  /** To be called with every message that comes. */
  receive(message: unknown): void
  /** The other end is gone: rejects what still waits. */
  lost(): void
}

export type LineHandlers = Readonly<Record<string, (body: never) => unknown>>

type Message =
  | { readonly ask: string; readonly id: number; readonly body: unknown }
  | { readonly answer: number; readonly body: unknown }
  | { readonly answer: number; readonly failure: Failure }

/** An error as text. `mendable`: its message is all that whoever runs the program needs. */
type Failure = { readonly message: string; readonly mendable: boolean }

/** Questions and answers over messages: what is asked has a number, and a time to be answered in. */
export const createLine = (send: (message: Message) => void, handlers: LineHandlers): Line => {
  const known = new Map(Object.entries(handlers))
  const waiting = new Map<number, (answer: Message | undefined) => void>()
  let last = 0

  const serve = async (name: string, id: number, body: unknown): Promise<void> => {
    try {
      send({ answer: id, body: await known.get(name)?.(body as never) })
    } catch (error) {
      send({ answer: id, failure: failureOf(error) })
    }
  }

  return {
    ask(name, body, seconds = 30) {
      last += 1
      const id = last
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => finish(undefined), seconds * 1000)
        const finish = (message: Message | undefined) => {
          clearTimeout(timer)
          waiting.delete(id)
          if (message === undefined) reject(new Mistake(`a worker did not answer (${name})`))
          else if ('failure' in message) reject(errorOf(message.failure))
          else resolve(message.body as never)
        }
        waiting.set(id, finish)
        send({ ask: name, id, body })
      })
    },
    receive(message) {
      if (!isOurs(message)) return
      if ('ask' in message) void serve(message.ask, message.id, message.body)
      else waiting.get(message.answer)?.(message)
    },
    lost() {
      for (const finish of [...waiting.values()]) finish(undefined)
    },
  }
}

const isOurs = (message: unknown): message is Message =>
  typeof message === 'object' && message !== null && ('ask' in message || 'answer' in message)

const MENDABLE = new Set(['Mistake', 'StoreRefused'])

const failureOf = (error: unknown): Failure => ({
  message: error instanceof Error ? error.message : String(error),
  mendable: error instanceof Error && MENDABLE.has(error.name),
})

const errorOf = ({ message, mendable }: Failure): Error =>
  mendable ? new Mistake(message) : new Error(message)
