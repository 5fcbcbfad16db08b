import type { X509Certificate } from 'node:crypto'
import { listOf, type Row, rowOf, secondsOf, textOf } from './loose.ts'
import { checkKey, isPem, readCertificate } from './pem.ts'
import { type Path, type Report, Wrong } from './problem.ts'
import { formatDuration } from './units.ts'

/** Targets, pauses and certificates. Files are looked for from `folder`. */
export const checkUpstreams = (data: Row, report: Report, folder: string): void => {
  for (const [name, value] of Object.entries(rowOf(data.upstreams))) {
    const path: Path = ['upstreams', name]
    const upstream = rowOf(value)
    const urls = listOf(upstream.targets).map((target) => textOf(target) ?? rowOf(target).url)
    checkTargets(urls, [...path, 'targets'], report)
    checkPauses(rowOf(upstream.eject), [...path, 'eject'], report)
    if (upstream.tls === undefined) continue
    if (!urls.some((url) => textOf(url)?.startsWith('https:')))
      report.warning([...path, 'tls'], 'has no effect: no target is https')
    checkTls(rowOf(upstream.tls), [...path, 'tls'], report, folder)
  }
}

/** The files that hold certificates and keys, as they are written in the configuration. */
export const certificateFiles = (data: Row): readonly string[] =>
  Object.values(rowOf(data.upstreams))
    .map((upstream) => rowOf(rowOf(upstream).tls))
    .flatMap(({ ca, cert, key }) => [ca, cert, key].map((given) => textOf(given) ?? ''))
    .filter((given) => given !== '' && !isPem(given))

const checkTargets = (urls: readonly unknown[], path: Path, report: Report): void => {
  const seen = new Map<string, Path>()
  for (const [index, given] of urls.entries()) {
    const url = textOf(given)?.replace(/\/$/, '')
    if (url === undefined) continue
    const first = seen.get(url)
    if (first === undefined) seen.set(url, [...path, index])
    else
      report.problem(
        [...path, index],
        `is on line ${report.line(first)} already; to give it more requests, give it a weight`,
      )
  }
}

const checkPauses = (eject: Row, path: Path, report: Report): void => {
  const pause = secondsOf(eject.pause ?? '1s')
  const longest = secondsOf(eject.longest ?? '60s')
  if (pause === undefined || longest === undefined || pause <= longest) return
  report.problem(
    [...path, eject.longest === undefined ? 'pause' : 'longest'],
    eject.longest === undefined
      ? `must not be longer than longest (${formatDuration(longest)})`
      : `must not be shorter than pause (${formatDuration(pause)})`,
  )
}

const checkTls = (tls: Row, path: Path, report: Report, folder: string): void => {
  const { ca, cert, key } = { ca: textOf(tls.ca), cert: textOf(tls.cert), key: textOf(tls.key) }
  const judge = <T>(part: string, step: () => T): T | undefined => {
    try {
      return step()
    } catch (error) {
      if (!(error instanceof Wrong)) throw error
      report.problem([...path, part], error.message)
      return undefined
    }
  }
  if (ca) judge('ca', () => readCertificate(ca, folder))
  const shown = cert ? judge('cert', () => readCertificate(cert, folder)) : undefined
  if (shown !== undefined) warnOfExpiry(shown, [...path, 'cert'], report)
  if (key && shown !== undefined) judge('key', () => checkKey(key, folder, shown))
  if (cert && !key) report.problem([...path, 'cert'], 'needs key, its private key')
  if (key && !cert) report.problem([...path, 'key'], 'needs cert, the certificate it belongs to')
}

const warnOfExpiry = ({ validTo, validToDate }: X509Certificate, path: Path, report: Report) => {
  if (validToDate.getTime() < Date.now()) report.warning(path, `expired: ${validTo}`)
}
