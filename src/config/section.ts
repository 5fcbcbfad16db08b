import * as z from 'zod/mini'
import { reference } from './setting.ts'

/** A mapping with these keys and no others. */
export const object = <T extends z.core.$ZodShape>(description: string, shape: T) =>
  z.strictObject(shape).register(reference, { description })

/** A mapping from names that the user chooses. */
export const mapping = <T extends z.core.SomeType>(description: string, value: T) =>
  z.record(z.string(), value).register(reference, { description })

export const list = <T extends z.core.SomeType>(description: string, item: T) =>
  z.array(item).register(reference, { description })

export const optional = z.exactOptional

/** `value` stands in, as if it had been written, where the key is left out. */
export const otherwise = <T extends z.core.SomeType>(
  value: z.core.util.NoUndefined<z.core.input<T>>,
  schema: T,
) => z.prefault(schema, value)
