import * as z from 'zod/mini'
import { schema } from './schema.ts'
import { client } from './schema-client.ts'
import { reference } from './setting.ts'

/** The JSON Schema (2020-12) of a configuration file, as editors use it: of what is written, before `${…}` is filled in. */
export const jsonSchema = (): Readonly<Record<string, unknown>> => ({
  title: 'Portcullis',
  ...schemaOf(schema),
})

/** Of one entry of `clients`, as the admin API takes it: without its client_id it is given one. */
export const schemaOfClient = (): Readonly<Record<string, unknown>> => {
  const { $schema: _, required: _required, ...generated } = schemaOf(client)
  return generated
}

const schemaOf = (setting: z.core.$ZodType): Readonly<Record<string, unknown>> =>
  z.toJSONSchema(setting, {
    io: 'input',
    unrepresentable: 'any',
    metadata: reference,
    override: ({ zodSchema, jsonSchema }) => {
      const { def } = zodSchema._zod
      if (def.type === 'object') jsonSchema.required = requiredKeys(def.shape)
      if (jsonSchema.required?.length === 0) delete jsonSchema.required
      // A section that may be left out says so by its keys' defaults.
      if (isEmpty(jsonSchema.default)) delete jsonSchema.default
    },
  })

/** A key may be left out exactly if its setting is wrapped in `optional` or `otherwise`. */
const requiredKeys = (shape: Readonly<Record<string, z.core.$ZodType>>): string[] =>
  Object.entries(shape)
    .filter(([, { _zod }]) => _zod.def.type !== 'optional' && _zod.def.type !== 'prefault')
    .map(([key]) => key)

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.keys(value).length === 0 &&
  !Array.isArray(value)
