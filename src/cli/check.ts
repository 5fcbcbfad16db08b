import type { Writable } from 'node:stream'
import { formatProblem, loadConfiguration } from '../config/load.ts'

type Output = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: Writable
  readonly stderr: Writable
  readonly json?: boolean
}

/** `portcullis check`: tells every problem and warning of a configuration. Resolves to 0 when it could be started, else 1. */
export const check = async (file: string, output: Output): Promise<number> => {
  const result = await loadConfiguration(file, output.env)
  const problems = 'problems' in result ? result.problems : []
  const warnings = 'warnings' in result ? result.warnings : []
  const code = problems.length === 0 ? 0 : 1
  if (output.json) {
    const report = { ok: code === 0, problems, warnings }
    output.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
    return code
  }
  for (const problem of problems) output.stderr.write(`${formatProblem(problem)}\n`)
  for (const warning of warnings) output.stderr.write(`${formatProblem(warning)} (warning)\n`)
  output.stdout.write(code === 0 ? `${file}: good\n` : '')
  return code
}
