import type { Config } from '../config/config.ts'

/** `admin.token`, or where that is empty the one made once and kept beside the SQLite file; a new one for `memory:`. */
export const adminToken = (config: Pick<Config, 'admin' | 'store'>): string => config.admin.token
