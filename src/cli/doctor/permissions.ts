import { existsSync, readFileSync, type Stats, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Config } from '../../config/config.ts'
import { type Finding, ok, problem } from './finding.ts'

/** Who may read the files that hold secrets, and who may change the configuration. `files`: all that it was read from. */
export const examinePermissions = (
  config: Config,
  files: readonly string[],
): readonly Finding[] => {
  const text = readFileSync(config.file, 'utf8')
  const findings = [
    ...ofConfiguration(config, text),
    ...keptFiles(config).flatMap((file) => ofSecret(file, 0o077)),
    // Those that are mounted for a group are common.
    ...[...includedFiles(text, dirname(config.file)), ...files.filter(holdsKey)].flatMap((file) =>
      ofSecret(file, 0o007),
    ),
  ]
  return findings.length > 0
    ? findings
    : [ok('permissions', 'files with secrets are closed to other users')]
}

const keptFiles = ({ store }: Config): readonly string[] =>
  store.kind === 'sqlite' ? [`${store.file}.secret`, `${store.file}.admin-token`] : []

const includedFiles = (text: string, folder: string): readonly string[] => [
  ...new Set(
    [...text.matchAll(/\$\{file:([^}]+)\}/g)].map(([, name = '']) => resolve(folder, name)),
  ),
]

const holdsKey = (file: string): boolean =>
  existsSync(file) && /^-----BEGIN [A-Z ]*PRIVATE KEY-----$/m.test(readFileSync(file, 'utf8'))

const ofSecret = (file: string, forbidden: number): readonly Finding[] => {
  const found = statSync(file, { throwIfNoEntry: false })
  return found === undefined || (found.mode & forbidden) === 0
    ? []
    : [
        problem(
          'permissions.secret',
          `${file} can be read by other users (mode ${octal(found)})`,
          `Run: chmod ${forbidden === 0o077 ? '600' : 'o='} ${file} — and replace the secret, if others use this machine.`,
        ),
      ]
}

const ofConfiguration = (config: Config, text: string): readonly Finding[] => {
  const { file, demo } = config
  const found = statSync(file)
  const findings: Finding[] = []
  if ((found.mode & 0o002) !== 0)
    findings.push(
      problem(
        'permissions.configuration',
        `${file} can be changed by every user (mode ${octal(found)})`,
        `Run: chmod o-w ${file}`,
      ),
    )
  if (!demo && (found.mode & 0o004) !== 0 && holdsSecret(config, text))
    findings.push(
      problem(
        'permissions.configuration',
        `${file} holds secrets, and can be read by every user (mode ${octal(found)})`,
        `Run: chmod o-r ${file}; or take the secrets from the environment (\${NAME}) or from files (\${file:…}).`,
      ),
    )
  return findings
}

/** Whether a secret that is in force stands there as it is. */
const holdsSecret = (config: Config, text: string): boolean =>
  [
    ...config.secret,
    config.admin.token,
    ...config.registrationTokens,
    ...config.clients.flatMap(({ client_secret = [] }) => client_secret),
    ...config.accounts.map(({ password }) => password),
  ].some((secret) => secret !== '' && text.includes(secret))

const octal = ({ mode }: Stats): string => (mode & 0o777).toString(8).padStart(4, '0')
