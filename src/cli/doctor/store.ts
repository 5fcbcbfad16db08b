import { existsSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Config } from '../../config/config.ts'
import { inspectFile } from '../../store/sqlite-inspection.ts'
import { StoreRefused } from '../../store/store.ts'
import { type Finding, ok, problem, warning } from './finding.ts'
import { examineServer as ofServer } from './store-server.ts'

/** Whether the store is there, sound, writable, and keeps what it acknowledged. */
export const examineStore = async (
  { store }: Pick<Config, 'store'>,
  now: number,
): Promise<readonly Finding[]> => {
  if (store.kind === 'memory')
    return [
      warning(
        'store',
        'memory: everything that was issued is over when the gateway stops',
        'Name a file: store: sqlite:data/portcullis.db.',
      ),
    ]
  return store.kind === 'sqlite' ? ofFile(store.file) : ofServer(store, now)
}

const ofFile = (file: string): readonly Finding[] => {
  const folder = nearestFolder(file)
  const places = [disk(folder), fileSystem(folder)]
  if (!existsSync(file))
    return [
      ok('store', `${file} is not there yet: the first start makes it, and its keys`),
      ...places,
    ]
  try {
    return [...ownership(file), ...soundness(file), ...places]
  } catch (error) {
    if (!(error instanceof StoreRefused)) throw error
    const { message, remedy } = error
    return [problem('store', message.replace(`. ${remedy}`, ''), remedy), ...places]
  }
}

const nearestFolder = (file: string): string => {
  const folder = dirname(file)
  return existsSync(folder) || folder === dirname(folder) ? folder : nearestFolder(folder)
}

const soundness = (file: string): readonly Finding[] => {
  const { journalMode, unwritable } = inspectFile(file)
  const log = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0
  return [
    ok('store', `${file} is a sound store of this version`),
    unwritable === undefined
      ? ok('store.writable', 'a write can begin')
      : problem(
          'store.writable',
          `no write can begin (${unwritable})`,
          'Find out who holds the lock (fuser FILE), and end that.',
        ),
    journalMode === 'wal'
      ? ok(
          'store.durable',
          'writes go to the write-ahead log, and are synced before they are acknowledged',
        )
      : problem(
          'store.durable',
          `the journal mode is ${journalMode}, not wal`,
          'Stop the gateway, run: sqlite3 FILE "PRAGMA journal_mode = WAL", and start it again.',
        ),
    ...(log > LARGE_LOG
      ? [
          warning(
            'store.log',
            `the write-ahead log has ${megabytes(log)}: something keeps a long read open`,
            'End backups and shells that have the file open.',
          ),
        ]
      : []),
  ]
}

const LARGE_LOG = 256 * 1024 * 1024

const ownership = (file: string): readonly Finding[] => {
  const { uid, mode } = statSync(file)
  const ours = process.getuid?.()
  const open =
    (mode & 0o077) === 0
      ? []
      : [
          problem(
            'store.permissions',
            `${file} is open to other users (mode ${octal(mode)})`,
            `Run: chmod 600 ${file}`,
          ),
        ]
  if (ours === undefined || uid === ours) return open
  return [
    ...open,
    warning(
      'store.owner',
      `${file} is another user’s (${uid}) than who runs this (${ours}), so that what follows may differ for the gateway`,
      'Run doctor as the user that the gateway runs as.',
    ),
  ]
}

const octal = (mode: number): string => (mode & 0o777).toString(8).padStart(4, '0')

const disk = (folder: string): Finding => {
  const { bavail, bsize, blocks } = statfsSync(folder)
  const free = bavail * bsize
  const share = blocks > 0 ? bavail / blocks : 1
  const message = `${megabytes(free)} are free at ${folder}`
  const mend = 'Make room, or move the store to another disk: when it is full, nothing is issued.'
  if (free < LEAST) return problem('store.disk', message, mend)
  return free < LITTLE || share < 0.02
    ? warning('store.disk', message, mend)
    : ok('store.disk', message)
}

const LEAST = 100 * 1024 * 1024
const LITTLE = 1024 * 1024 * 1024

const megabytes = (bytes: number): string => `${Math.floor(bytes / 1024 / 1024)} MB`

const fileSystem = (folder: string): Finding => {
  const kind = FILE_SYSTEMS.get(statfsSync(folder).type)
  if (kind === undefined) return ok('store.filesystem', `${folder} is on this machine`)
  const message = `${folder} is on ${kind.name}: ${kind.why}`
  return kind.lost
    ? warning('store.filesystem', message, 'Name a folder on a disk of this machine.')
    : problem('store.filesystem', message, 'Name a folder on a disk of this machine.')
}

const REMOTE = 'its locks and its log do not work across machines'

/** By the magic numbers of statfs(2). */
const FILE_SYSTEMS: ReadonlyMap<number, { name: string; why: string; lost?: boolean }> = new Map([
  [0x6969, { name: 'NFS', why: REMOTE }],
  [0x517b, { name: 'SMB', why: REMOTE }],
  [0xff534d42, { name: 'SMB', why: REMOTE }],
  [0xfe534d42, { name: 'SMB', why: REMOTE }],
  [0x01021994, { name: 'tmpfs', why: 'it is gone when the machine restarts', lost: true }],
  [0x858458f6, { name: 'ramfs', why: 'it is gone when the machine restarts', lost: true }],
])
