import type { Config } from '../config/config.ts'
import { keptSecret, readSecret } from './kept-secret.ts'
import { randomSecret } from './secrets.ts'

/** `admin.token`, or where that is empty the one made once and kept beside the SQLite file; a new one for `memory:`. */
export const adminToken = ({ admin, store }: Pick<Config, 'admin' | 'store'>): string => {
  if (admin.token !== '') return admin.token
  return store.kind === 'sqlite' ? keptSecret(besides(store.file)) : randomSecret()
}

/** The same for another program, which makes none. Undefined: there is none to be found. */
export const knownAdminToken = ({
  admin,
  store,
}: Pick<Config, 'admin' | 'store'>): string | undefined => {
  if (admin.token !== '') return admin.token
  return store.kind === 'sqlite' ? readSecret(besides(store.file)) : undefined
}

const besides = (file: string): string => `${file}.admin-token`
