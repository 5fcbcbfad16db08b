import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

type Certificate = { readonly cert: string; readonly key: string }

export type Authority = {
  /** Of the authority itself, as PEM. */
  readonly ca: string
  readonly key: string
  /** `names` as in subjectAltName: `DNS:localhost,IP:127.0.0.1`. Negative days: expired. */
  issue(names: string, days?: number): Certificate
}

/** An authority of the test's own, made by openssl. */
export const createAuthority = (name = 'test authority'): Authority => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-ca-'))
  const at = (file: string) => join(folder, file)
  const read = (file: string) => readFileSync(at(file), 'utf8')
  const openssl = (...parts: string[]) =>
    execFileSync('openssl', parts, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  try {
    openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', `/CN=${name}`)
    const authority = { ca: read('ca.pem'), key: read('ca.key') }
    return { ...authority, issue: (names, days = 1) => issueOf(authority, names, days) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const issueOf = (
  authority: { readonly ca: string; readonly key: string },
  names: string,
  days: number,
): Certificate => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-certificate-'))
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text)
  const openssl = (line: string) =>
    execFileSync('openssl', line.split(' '), { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  try {
    write('ca.pem', authority.ca)
    write('ca.key', authority.key)
    write('names', `subjectAltName=${names}`)
    openssl(
      'req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out csr -subj /CN=target',
    )
    openssl(
      `x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days ${days} -extfile names -out cert`,
    )
    const read = (file: string) => readFileSync(join(folder, file), 'utf8')
    return { cert: read('cert'), key: read('key') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
