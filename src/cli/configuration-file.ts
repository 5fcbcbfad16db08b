import { existsSync } from 'node:fs'
import { Mistake } from '../mistake.ts'

/** The file named, or the first of ./portcullis.yaml and config/portcullis.yaml that exists. */
export const configurationFile = (named: string | undefined): string => {
  if (named !== undefined) return named
  const found = ['portcullis.yaml', 'config/portcullis.yaml'].find((file) => existsSync(file))
  if (found !== undefined) return found
  throw new Mistake(
    'no configuration: neither ./portcullis.yaml nor config/portcullis.yaml is there; name one with --config FILE',
  )
}
