import type * as z from 'zod/mini'
import type { Answer } from './answer.ts'
import type { Principal, Role } from './principal.ts'

type Shape = z.core.$ZodLooseShape

/** What an operation is called with: everything has been judged by its schemas. */
export type Call<Query, Body> = {
  readonly principal: Principal
  /** The decoded parameters of the path. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  readonly body: Body
  /** The field If-Match as it came. */
  readonly ifMatch: string | undefined
}

/** One operation of the API: what serves it, what judges its input, and what OpenAPI says of it, in one place. */
export type Operation = {
  /** `listClients`: unique, and the operationId. */
  readonly id: string
  readonly tag: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `/api/v1/clients/{client_id}` */
  readonly path: string
  /** Who may call it. */
  readonly role: Role
  readonly summary: string
  readonly query?: Shape
  readonly body?: z.ZodMiniType
  /** Bytes of a body; 64 KiB unless given. */
  readonly maxBody?: number
  /** True where a change has to name what it changes (If-Match). */
  readonly conditional?: boolean
  /** What it answers when all goes well; problems are the same everywhere. */
  readonly answers: Readonly<Record<number, OperationAnswer>>
  run(call: Call<never, never>): Answer | Promise<Answer>
}

export type OperationAnswer = { readonly description: string; readonly schema?: z.ZodMiniType }

/** Lets TypeScript see that `run` takes what the schemas give. */
export const operation = <
  Query extends Shape = Record<never, never>,
  Body extends z.ZodMiniType = z.ZodMiniType<undefined>,
>(
  given: Omit<Operation, 'query' | 'body' | 'run'> & {
    readonly query?: Query
    readonly body?: Body
    run(call: Call<z.output<z.ZodMiniObject<Query>>, z.output<Body>>): Answer | Promise<Answer>
  },
): Operation => given
