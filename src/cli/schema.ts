import type { Writable } from 'node:stream'
import { jsonSchema } from '../config/json-schema.ts'

/** `portcullis schema`: prints the JSON Schema of the configuration. */
export const schema = async ({ stdout }: { readonly stdout: Writable }): Promise<number> => {
  stdout.write(`${JSON.stringify(jsonSchema(), null, 2)}\n`)
  return 0
}
