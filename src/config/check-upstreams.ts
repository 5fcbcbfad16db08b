import { checkTls } from './check-tls.ts'
import { listOf, type Row, rowOf, secondsOf, textOf } from './loose.ts'
import type { Path, Report } from './problem.ts'
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
