/**
 * Doctor without an engine, for one that does not run or cannot: what an engine would meet at its start (folders, lock,
 * socket, state.db, storage driver), each looked at without changing it, and then the checks that an engine makes too.
 * What lies under a root that is not there yet is asked of the nearest folder above it.
 */
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { EngineConfig } from './config.ts'
import type { StorageDriver } from './context.ts'
import { attempt, diagnose, type DoctorContext } from './doctor.ts'
import { recordedDriver } from './layers/driver.ts'
import type { DoctorFinding } from '../api/types/index.ts'
import { MycomposeError, errnoOf } from '../errors.ts'
import type { Files, Host } from '../host/host.ts'
import type { ProcessLock } from '../host/process-control.ts'
import { readStateDatabase } from '../state/database.ts'
import { createNetworkStore, type NetworkRecord } from '../state/networks.ts'

/** access(2) */
const W_OK = 2

export interface AloneOptions {
  /** What the next start would ask for. */
  readonly storageDriver: string | undefined
  readonly lock: (path: string) => ProcessLock | undefined
}

/** A finding by our own error: what a start of the engine would say. */
function failure(check: string, error: unknown): DoctorFinding {
  if (!(error instanceof MycomposeError)) throw error
  const { message, hint } = error
  return { check, status: 'failed', message, ...(hint === undefined ? {} : { fix: hint }) }
}

/** The path itself, or the nearest folder above that is there. */
function nearest(files: Files, path: string): string {
  return files.existsSync(path) || path === '/' ? path : nearest(files, dirname(path))
}

async function checkFolder(files: Files, path: string): Promise<DoctorFinding> {
  const check = 'folders'
  const found = nearest(files, path)
  const stat = await files.lstat(found)
  const isOwn = stat.uid === process.geteuid?.()
  if (found === path ? !stat.isDirectory() || !isOwn : !(await files.stat(found)).isDirectory())
    return {
      check,
      status: 'failed',
      message: found === path ? `${path} is no folder of root` : `cannot make ${path}: ${found} is no folder`,
      fix: 'move it away, or choose another folder with --root',
    }
  try {
    await files.access(found, W_OK)
  } catch (error) {
    const why = errnoOf(error) === 'EROFS' ? 'its file system is mounted read-only' : (errnoOf(error) ?? String(error))
    const fix =
      errnoOf(error) === 'EROFS' ? `mount -o remount,rw ${found}; dmesg may tell why` : 'choose another --root'
    return { check, status: 'failed', message: `cannot write to ${found}: ${why}`, fix }
  }
  const message = found === path ? `${path} can be written` : `${path} will be made at the first start`
  return { check, status: 'ok', message }
}

async function checkSocket(files: Files, { paths }: EngineConfig): Promise<DoctorFinding[]> {
  if (!files.existsSync(paths.socket) || (await files.lstat(paths.socket)).isSocket()) return []
  return [{ check: 'socket', status: 'failed', message: `${paths.socket} is no socket`, fix: `rm -r ${paths.socket}` }]
}

/** Filled in by the checks that come first. */
interface Found {
  networks: readonly NetworkRecord[]
  driver: StorageDriver | undefined
  /** By a process that has state.db open. */
  isLocked: boolean
}

/** Whoever has the lock and does not listen is starting, stuck or stopped. */
function checkLock(
  files: Files,
  { paths }: EngineConfig,
  { lock, found }: { readonly lock: AloneOptions['lock']; readonly found: Found },
): DoctorFinding[] {
  if (!files.existsSync(paths.lock)) return []
  const held = lock(paths.lock)
  if (held !== undefined) {
    held.release()
    return []
  }
  found.isLocked = true
  const pid = files.readTextSync(paths.pidFile)?.split('\n')[0] ?? ''
  return [
    {
      check: 'lock',
      status: 'failed',
      message: `a process${pid === '' ? '' : ` (${pid})`} holds the lock of this root and does not answer: an engine that starts, or is stuck`,
      fix: `wait, see ${paths.log}, or end it: kill -9 ${pid === '' ? 'PID' : pid} (containers go on)`,
    },
  ]
}

/** Opening a database that has a journal changes both: then it is a copy that is looked at. */
async function readNetworks(files: Files, path: string): Promise<readonly NetworkRecord[]> {
  const hasJournal = files.existsSync(`${path}-wal`)
  if (!hasJournal) return networksIn(path, { hasJournal })
  const folder = await files.mkdtemp(join(tmpdir(), 'mycompose-doctor-'))
  try {
    const copy = join(folder, 'state.db')
    await files.copyFile(path, copy)
    await files.copyFile(`${path}-wal`, `${copy}-wal`)
    return networksIn(copy, { hasJournal })
  } finally {
    await files.rm(folder, { recursive: true, force: true })
  }
}

function networksIn(path: string, options: { readonly hasJournal: boolean }): readonly NetworkRecord[] {
  const state = readStateDatabase(path, options)
  if (state === undefined) return []
  try {
    return createNetworkStore(state).networks()
  } finally {
    state.close()
  }
}

async function checkState(files: Files, { paths: { database } }: EngineConfig, found: Found): Promise<DoctorFinding[]> {
  const check = 'state'
  if (found.isLocked) return [] // and so is state.db
  if (!files.existsSync(database))
    return [{ check, status: 'ok', message: `${database} will be made at the first start` }]
  try {
    found.networks = await readNetworks(files, database)
    return [{ check, status: 'ok', message: `${database} is whole` }]
  } catch (error) {
    return [failure(check, error)]
  }
}

/** An engine that went without a word was killed, or the machine lost its power; one that met a bug has told it. */
function checkLastEnd(files: Files, { paths }: EngineConfig): DoctorFinding[] {
  const last = files.readTextSync(paths.log)?.trimEnd().split('\n').at(-1) ?? ''
  if (last === '' || / info +ended\b/.test(last)) return []
  const message = `the last one did not end by itself; the last line of its log: ${last.slice(0, 500)}`
  return [{ check: 'engine', status: 'warning', message, fix: `see ${paths.log}` }]
}

async function checkDriver(
  base: Pick<DoctorContext, 'host' | 'config'>,
  wish: string | undefined,
  found: Found,
): Promise<DoctorFinding[]> {
  try {
    found.driver = await recordedDriver(base, wish)
    return []
  } catch (error) {
    return [failure('storage', error)]
  }
}

/** For root only: others see too little. */
export async function diagnoseAlone(
  config: EngineConfig,
  host: Host,
  { storageDriver, lock }: AloneOptions,
): Promise<DoctorFinding[]> {
  const { files } = host
  const { root, run, temporary } = config.paths
  const found: Found = { networks: [], driver: undefined, isLocked: false }
  const own = [
    await attempt('engine', () => checkLastEnd(files, config)),
    await attempt('folders', async () => [await checkFolder(files, root), await checkFolder(files, run)]),
    await attempt('socket', () => checkSocket(files, config)),
    await attempt('lock', () => checkLock(files, config, { lock, found })),
    await attempt('state', () => checkState(files, config, found)),
    await attempt('storage', () => checkDriver({ host, config }, storageDriver, found)),
  ]
  const existing = { ...config.paths, root: nearest(files, root), temporary: nearest(files, temporary) }
  const networks = found.networks.map(({ name, pools }) => ({
    Name: name,
    IPAM: { Config: pools.map(({ subnet }) => ({ Subnet: subnet })) },
  }))
  const machine = await diagnose({
    host,
    config: { ...config, paths: existing },
    storageDriver: found.driver,
    networks: { list: () => Promise.resolve(networks) },
  })
  return [...own.flat(), ...machine]
}
