import { existsSync } from 'node:fs'
import type { Config } from '../../config/config.ts'
import { Mistake } from '../../mistake.ts'
import { knownAdminToken } from '../../store/admin-token.ts'
import { StoreRefused } from '../../store/store.ts'
import { type AdminConnection, apiPath, connectToAdmin } from '../admin-connection.ts'
import type { Terminal } from '../terminal.ts'
import { type Finding, ok, problem, warning } from './finding.ts'
import type { RunningGateway } from './running-gateway.ts'

export type AdminFindings = {
  readonly findings: readonly Finding[]
  /** Undefined where the API cannot be asked. */
  readonly connection: AdminConnection | undefined
}

/** Whether there is an admin token, whether it could be guessed, and whether the running gateway takes it. */
export const examineAdmin = async (
  config: Config,
  gateway: RunningGateway | undefined,
  env: Terminal['env'],
): Promise<AdminFindings> => {
  const { token } = config.admin
  const weak =
    token === '' || token.length >= LEAST
      ? []
      : [
          warning(
            'admin.token',
            `admin.token has only ${token.length} characters`,
            'Take a random one, such as the output of: openssl rand -base64 32.',
          ),
        ]
  if (gateway === undefined) return { findings: [...weak, ...known(config)], connection: undefined }
  try {
    const connection = await connectToAdmin({ config: config.file, admin: gateway.origin }, env)
    await connection.get(apiPath(['scopes']))
    return { findings: [...weak, ok('admin', 'the gateway takes the admin token')], connection }
  } catch (error) {
    if (!(error instanceof Mistake || error instanceof StoreRefused)) throw error
    const finding = problem('admin', error.message, MEND)
    return { findings: [...weak, finding], connection: undefined }
  }
}

const LEAST = 32

const MEND =
  'Give the token of the running gateway in PORTCULLIS_ADMIN_TOKEN; a variable that was changed takes a restart.'

const known = (config: Config): readonly Finding[] => {
  if (config.store.kind !== 'sqlite' || !existsSync(config.store.file)) return []
  return knownAdminToken(config) === undefined
    ? [ok('admin', 'there is no admin token yet: the next start makes one')]
    : [ok('admin', 'there is an admin token')]
}
