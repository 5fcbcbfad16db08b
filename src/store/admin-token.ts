import type { Config } from '../config/config.ts'
import { keptSecret } from './kept-secret.ts'
import { randomSecret } from './secrets.ts'

/** `admin.token`, or where that is empty the one made once and kept beside the SQLite file; a new one for `memory:`. */
export const adminToken = ({ admin, store }: Pick<Config, 'admin' | 'store'>): string => {
  if (admin.token !== '') return admin.token
  return store.kind === 'sqlite' ? keptSecret(`${store.file}.admin-token`) : randomSecret()
}
