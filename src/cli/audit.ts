import type { AuditEvent } from '../store/audit-trail.ts'
import { subOf } from './account-name.ts'
import { atGateway, type DataOptions } from './admin-command.ts'
import type { AdminConnection } from './admin-connection.ts'
import { instantText } from './instant-text.ts'
import { listItems, moreText, type PageOptions } from './pages.ts'
import { printable } from './printable.ts'
import { type Style, styleOf } from './style.ts'
import type { Terminal } from './terminal.ts'

/** `since` and `until`: seconds since the epoch. */
export type AuditOptions = DataOptions &
  PageOptions & {
    readonly event?: string
    readonly client?: string
    readonly account?: string
    readonly actor?: string
    readonly request?: string
    readonly since?: number
    readonly until?: number
    readonly follow?: boolean
  }

/** `portcullis audit`: searches the audit trail; with `--follow` until it is interrupted. */
export const audit = (options: AuditOptions, terminal: Terminal): Promise<number> =>
  atGateway('audit', options, terminal, async (gateway, show) => {
    const { account } = options
    const query =
      account === undefined ? options : { ...options, account: await subOf(gateway, account) }
    if (options.follow) return follow(gateway, query, terminal)
    const listed = await search(gateway, query, options)
    show(listed, (style) => eventsText(listed.items, style) + moreText(listed))
  })

const search = (gateway: AdminConnection, options: AuditOptions, pages: PageOptions) => {
  const { event, client: client_id, account: sub, actor, request: request_id } = options
  const { since, until } = options
  return listItems<AuditEvent>(
    gateway,
    ['audit'],
    { event, client_id, sub, actor, request_id, since, until },
    pages,
  )
}

const eventsText = (events: readonly AuditEvent[], style: Style): string =>
  events.length === 0 ? 'no events\n' : events.map((event) => eventText(event, style)).join('')

const eventText = ({ at, event, fields }: AuditEvent, { bold, dim }: Style): string => {
  const rest = Object.entries(fields).map(([name, value]) => {
    const text =
      typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
    return `${dim(printable(`${name}=`))}${printable(String(text))}`
  })
  return `${instantText(at) ?? '-'}  ${[bold(printable(event)), ...rest].join(' ')}\n`
}

/** New events as they come. Notes of several processes are not quite in order, so that each look goes back a little. */
const follow = async (
  gateway: AdminConnection,
  options: AuditOptions,
  terminal: Terminal,
): Promise<void> => {
  const style = styleOf(terminal)
  const seen = new Map<string, number>()
  // By the clock of whoever wrote it.
  const newest = await search(gateway, {}, { limit: 1 })
  let since = options.since ?? (newest.items[0]?.at ?? 0) - DISORDER
  // What was there before is known, not told, unless it was asked for.
  let quiet = options.since === undefined
  const stop = untilInterrupted(terminal)
  do {
    const { items } = await search(gateway, { ...options, since }, { all: true })
    for (const event of items.toReversed()) {
      if (!seen.has(event.id) && !quiet)
        terminal.stdout.write(options.json ? `${JSON.stringify(event)}\n` : eventText(event, style))
      seen.set(event.id, event.at)
    }
    quiet = false
    since = Math.max(since, (items[0]?.at ?? 0) - DISORDER)
    for (const [id, at] of seen) if (at < since) seen.delete(id)
  } while (!(await stop.within(PAUSE)))
}

/** Seconds. */
const DISORDER = 10
/** Milliseconds. */
const PAUSE = 1000

const untilInterrupted = ({ onSignal }: Pick<Terminal, 'onSignal'>) => {
  let stopped = false
  let wake = () => {}
  const stop = () => {
    stopped = true
    wake()
  }
  onSignal('SIGINT', stop)
  onSignal('SIGTERM', stop)
  return {
    within: (milliseconds: number): Promise<boolean> =>
      new Promise((resolve) => {
        const timer = setTimeout(() => resolve(stopped), stopped ? 0 : milliseconds)
        wake = () => {
          clearTimeout(timer)
          resolve(true)
        }
      }),
  }
}
