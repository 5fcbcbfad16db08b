import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

/** The parts of an OpenAPI document that the tests go by. */
export type OpenApi = {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>
  readonly components: { readonly responses: Readonly<Record<string, OpenApiResponse>> }
}

type OpenApiOperation = {
  readonly operationId: string
  readonly 'x-role': 'viewer' | 'operator' | 'owner'
  readonly parameters: readonly { name: string; in: string; required?: boolean; schema: object }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { schema: object }>> }
  readonly responses: Readonly<Record<string, OpenApiResponse & { readonly $ref?: string }>>
}

type OpenApiResponse = {
  readonly description: string
  readonly content?: Readonly<Record<string, { readonly schema: object }>>
}

export type Placed = {
  readonly method: string
  readonly path: string
  readonly operation: OpenApiOperation
}

export const operationsIn = (document: OpenApi): readonly Placed[] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      ...{ method: method.toUpperCase(), path, operation },
    })),
  )

type Answered = { status: number; headers: Headers; text: string }

/**
 * Judges answers by the document: status, media type and body, as strictly as JSON Schema 2020-12 is meant. Throws what is
 * wrong.
 */
export const createJudge = (document: OpenApi) => {
  const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true })
  const compiled = new Map<object, ValidateFunction>()
  const operations = operationsIn(document)
  const validate = (schema: object, value: unknown, where: string): void => {
    const check = compiled.get(schema) ?? ajv.compile(schema)
    compiled.set(schema, check)
    if (!check(value))
      throw new Error(`${where}: ${ajv.errorsText(check.errors)}\n${JSON.stringify(value)}`)
  }
  return {
    /** Every schema of the document compiles. */
    compileAll() {
      for (const { operation } of operations) {
        for (const { schema } of operation.parameters) ajv.compile(schema)
        for (const part of [operation.requestBody, ...Object.values(operation.responses)])
          for (const { schema } of Object.values(part?.content ?? {})) ajv.compile(schema)
      }
    },
    judge(method: string, url: string, { status, headers, text }: Answered): void {
      const path = url.split('?', 1)[0] ?? ''
      const found = operations.filter(
        (one) => one.method === (method === 'HEAD' ? 'GET' : method) && fits(one.path, path),
      )
      const placed = found.find((one) => !one.path.includes('{')) ?? found[0]
      const where = `${method} ${url} ${status}`
      const given = placed?.operation.responses[status] ?? document.components.responses.Problem
      const isProblem = status >= 400
      if (placed !== undefined && !isProblem && placed.operation.responses[status] === undefined)
        throw new Error(`${where}: the document has no such answer`)
      const [type, content] = Object.entries(given?.content ?? {})[0] ?? []
      if (method === 'HEAD') return
      if (type === undefined || content === undefined) {
        if (text !== '') throw new Error(`${where}: a body that the document does not have`)
        return
      }
      if (headers.get('content-type') !== type)
        throw new Error(`${where}: ${headers.get('content-type')} where ${type} is due`)
      const body = JSON.parse(text)
      validate(content.schema, body, where)
      if (isProblem && body.status !== status) throw new Error(`${where}: says ${body.status}`)
    },
  }
}

const fits = (pattern: string, path: string): boolean => {
  const [expected, given] = [pattern.split('/'), path.split('/')]
  return (
    expected.length === given.length &&
    expected.every((part, at) => part.startsWith('{') || part === given[at])
  )
}
