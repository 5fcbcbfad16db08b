import type { Config } from '../config/config.ts'
import { formatProblem, loadConfiguration } from '../config/load.ts'
import { answeringFor } from './admin-answer.ts'
import { telling } from './admin-command.ts'
import { adminOrigin, type ConnectionOptions } from './admin-connection.ts'
import { configurationFile } from './configuration-file.ts'
import { examineAdmin } from './doctor/admin.ts'
import { examineAdminCertificate } from './doctor/admin-certificate.ts'
import { examineClocks } from './doctor/clocks.ts'
import { type Finding, ok, problem, warning } from './doctor/finding.ts'
import { examineIssuer } from './doctor/issuer.ts'
import { examineMachine } from './doctor/machine.ts'
import { examineNode } from './doctor/node-version.ts'
import { examinePermissions } from './doctor/permissions.ts'
import { examineProxies } from './doctor/proxies.ts'
import { examineGateway, findGateway, type RunningGateway } from './doctor/running-gateway.ts'
import { examineStore } from './doctor/store.ts'
import { printable } from './printable.ts'
import type { Style } from './style.ts'
import type { Terminal } from './terminal.ts'

export type DoctorOptions = ConnectionOptions & { readonly json?: boolean }

/**
 * `portcullis doctor`: examines the configuration, the running gateway and what is around it. Resolves to 0; 1 when there is
 * a problem; 2 for options that make no sense.
 */
export const doctor = async (options: DoctorOptions, terminal: Terminal): Promise<number> => {
  let isWell = true
  const code = await telling('doctor', options, terminal, async (show) => {
    const findings = await examine(options, terminal.env)
    isWell = findings.every(({ level }) => level !== 'problem')
    show({ ok: isWell, findings }, (style) => findingsText(findings, style))
  })
  return code === 0 && !isWell ? 1 : code
}

const examine = async (
  options: DoctorOptions,
  env: Terminal['env'],
): Promise<readonly Finding[]> => {
  const file = configurationFile(options.config)
  const node = examineNode('node', process.version)
  const loaded = await loadConfiguration(file, env)
  if ('problems' in loaded) return [node, ...loaded.problems.map(ofConfiguration)]
  const { config, warnings, files } = loaded
  const judged = warnings.map((one) =>
    warning('configuration', formatProblem(one), 'See docs/configuration.md for this key.'),
  )
  const good = ok('configuration', `${file} is good`)
  return [node, good, ...judged, ...(await examineAll(config, files, options, env))]
}

const ofConfiguration = (one: Parameters<typeof formatProblem>[0]): Finding =>
  problem(
    'configuration',
    formatProblem(one),
    one.path.startsWith('admin.tls') ? HOW_TO_NAME : HOW_TO_MEND,
  )

const HOW_TO_MEND = 'Mend the file; portcullis check tells whether that is done.'
const HOW_TO_NAME =
  'Let admin.tls name a certificate and its own private key, both PEM, which the user that the gateway runs as can read; portcullis check tells whether that is done.'

const examineAll = async (
  config: Config,
  files: readonly string[],
  options: DoctorOptions,
  env: Terminal['env'],
): Promise<readonly Finding[]> => {
  const now = () => Date.now() / 1000
  // Before anything reads a kept secret, which closes its file to others.
  const permissions = await attempted('permissions', () => examinePermissions(config, files))
  const origin = adminOrigin(options.admin, config.admin)
  const gateway = await findGateway(origin, answeringFor(config.admin.tls))
  const admin = await examineAdmin(config, gateway, env)
  const rest = await Promise.all([
    attempted('admin.tls', () => examineAdminCertificate(config, origin, now())),
    attempted('store', () => examineStore(config, now())),
    attempted('clock', () => examineClocks(config, gateway, now())),
    attempted('issuer', () => examineIssuer(config, gateway, now())),
    attempted('proxy', () => examineProxies(config, admin.connection)),
    attempted('machine', () => examineMachine(config, gateway)),
  ])
  return [
    ...examineGateway(gateway, origin.origin),
    ...nodeOf(gateway),
    ...admin.findings,
    ...permissions,
    ...rest.flat(),
  ]
}

/** What cannot be examined is a finding, and keeps nothing else from being examined. */
const attempted = async (
  check: string,
  examination: () => readonly Finding[] | Promise<readonly Finding[]>,
): Promise<readonly Finding[]> => {
  try {
    return await examination()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return [problem(check, `it could not be examined: ${reason}`, HOW_TO_RUN)]
  }
}

const HOW_TO_RUN = 'Run doctor on the gateway’s machine, as the user that the gateway runs as.'

const nodeOf = (gateway: RunningGateway | undefined): readonly Finding[] => {
  const labels = gateway?.metric('nodejs_version_info')?.labels ?? ''
  const [, version] = /version="([^"]+)"/.exec(labels) ?? []
  return version === undefined || version === process.version
    ? []
    : [examineNode('node.gateway', version)]
}

const findingsText = (findings: readonly Finding[], style: Style): string => {
  const paint = { ok: style.green, warning: style.yellow, problem: style.red }
  const width = Math.max(...findings.map(({ check }) => check.length))
  const lines = findings.flatMap(({ check, level, message, mend }) => [
    `${paint[level](level.padEnd(7))}  ${check.padEnd(width)}  ${printable(message)}\n`,
    ...(mend === undefined ? [] : [`${' '.repeat(width + 11)}${style.dim(printable(mend))}\n`]),
  ])
  const count = (level: Finding['level']) => {
    const { length } = findings.filter((one) => one.level === level)
    return `${length} ${level}${length === 1 ? '' : 's'}`
  }
  return `${lines.join('')}${count('problem')}, ${count('warning')}\n`
}
