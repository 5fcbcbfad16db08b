import * as z from 'zod/mini'
import { json, problem } from './answer.ts'
import { type Operation, operation } from './operation.ts'
import type { Room } from './room.ts'

/**
 * Another process listens beside us and takes our place: we let go of the admin address, finish what is under way, and end.
 */
export const takeoverOperation = ({ takeover }: Pick<Room, 'takeover'>): Operation =>
  operation({
    id: 'takeOver',
    tag: 'process',
    method: 'POST',
    path: '/api/v1/takeover',
    role: 'owner',
    summary:
      'Ends this process for another one that listens beside it (portcullis start --takeover)',
    body: z.strictObject({}),
    answers: {
      200: {
        description: 'It drains',
        schema: z.strictObject({ status: z.literal('draining'), pid: z.number() }),
      },
    },
    run() {
      if (takeover === undefined) return problem(409, 'conflict', 'Nobody can take this place')
      setImmediate(takeover)
      return json(200, { status: 'draining', pid: process.pid })
    },
  })
