import * as z from 'zod/mini'
import { VERSION } from '../version.ts'
import { json } from './answer.ts'
import { type Operation, type OperationAnswer, operation } from './operation.ts'

/** OpenAPI 3.1 of the operations, generated from the schemas that judge what comes in. */
const openApi = (operations: readonly Operation[]): object => ({
  openapi: '3.1.0',
  info: {
    title: 'Portcullis admin API',
    version: VERSION,
    description:
      'On the admin listener. Problems are RFC 9457. Changes of what has an ETag take If-Match. Lists are paged: hand `next` back as `cursor`.',
  },
  security: [{ adminToken: [] }],
  tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
  paths: Object.fromEntries(
    [...Map.groupBy(operations, ({ path }) => path)].map(([path, same]) => [
      path,
      Object.fromEntries(same.map((one) => [one.method.toLowerCase(), described(one)])),
    ]),
  ),
  components: {
    securitySchemes: {
      adminToken: { type: 'http', scheme: 'bearer', description: 'The value of admin.token' },
    },
    responses: { Problem: PROBLEM },
  },
})

/** The document as an operation of the API itself. */
export const openApiOperation = (all: () => readonly Operation[]): Operation =>
  operation({
    id: 'getOpenApi',
    tag: 'meta',
    method: 'GET',
    path: '/api/v1/openapi.json',
    role: 'viewer',
    summary: 'This document',
    answers: {
      200: { description: 'OpenAPI 3.1', schema: z.looseObject({ openapi: z.string() }) },
    },
    run: () => json(200, openApi(all())),
  })

const described = (one: Operation): object => ({
  operationId: one.id,
  tags: [one.tag],
  summary: one.summary,
  'x-role': one.role,
  parameters: [...pathParameters(one), ...queryParameters(one), ...conditions(one)],
  ...(one.body && {
    requestBody: {
      required: true,
      content: { 'application/json': { schema: schemaOf(one.body, 'input') } },
    },
  }),
  responses: {
    ...Object.fromEntries(
      Object.entries(one.answers).map(([status, answer]) => [status, responseOf(answer)]),
    ),
    default: { $ref: '#/components/responses/Problem' },
  },
})

const pathParameters = ({ path }: Operation): readonly object[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))

const queryParameters = ({ query }: Operation): readonly object[] => {
  if (query === undefined) return []
  const { properties = {}, required = [] } = schemaOf(z.strictObject(query), 'input') as {
    properties?: Record<string, { description?: string }>
    required?: readonly string[]
  }
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description !== undefined && { description }),
    schema,
  }))
}

const conditions = ({ conditional }: Operation): readonly object[] =>
  conditional
    ? [
        {
          name: 'If-Match',
          in: 'header',
          required: true,
          description: 'The ETag of what was read, or *',
          schema: { type: 'string' },
        },
      ]
    : []

const responseOf = ({ description, schema }: OperationAnswer): object => ({
  description,
  ...(schema && { content: { 'application/json': { schema: schemaOf(schema, 'output') } } }),
})

const schemaOf = (schema: z.ZodMiniType, io: 'input' | 'output'): object => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest
}

const PROBLEM = {
  description: 'What went wrong (RFC 9457)',
  content: {
    'application/problem+json': {
      schema: {
        type: 'object',
        required: ['type', 'title', 'status', 'detail', 'error'],
        properties: {
          type: { type: 'string' },
          title: { type: 'string' },
          status: { type: 'integer' },
          detail: { type: 'string' },
          error: { type: 'string', description: 'A word to tell problems by' },
          errors: {
            type: 'array',
            items: {
              type: 'object',
              required: ['pointer', 'detail'],
              properties: { pointer: { type: 'string' }, detail: { type: 'string' } },
            },
          },
        },
      },
    },
  },
}
