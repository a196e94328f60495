/**
 * Digests of the files of one context, kept from build to build: a file that has the identity it had (host/statx.ts) is not
 * read again. One small file for each context, read and written whole: 20,000 entries are 2 MB and take 10 ms.
 * What is damaged or of another version counts as empty. Entries that eight builds did not ask for are dropped.
 */
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { listFolder, type KeptPlace } from './kept.ts'
import type { EngineBase } from '../../context.ts'
import { DIGEST_BYTES, type DigestMemory } from '../files/file-hashes.ts'
import { errnoOf } from '../../../errors.ts'
import { IDENTITY_BYTES } from '../../../host/statx.ts'

export interface FileDigests extends DigestMemory {
  /** Writes what has changed; a failure is logged only, as it costs time and nothing else. */
  close(): Promise<void>
}

/** Builds that read one context at the same time share what they learn: each file is read once. */
export interface DigestKeeper {
  /** `context`: the absolute path that names it. Close it, whatever happens. */
  open(context: string): Promise<FileDigests>
}

type Base = Pick<EngineBase, 'host' | 'config' | 'log'>

const MAGIC = 'mycompose file digests 2\n'
/** Builds since it was last asked for, in one byte, identity, digest. */
const RECORD_BYTES = 1 + IDENTITY_BYTES + DIGEST_BYTES
const MAX_AGE = 8
const MAX_RECORDS = 1_000_000
const MAX_FILES = 64
const CHECK_BYTES = 32

/** The records of the file; "" when it is damaged or none. */
function recordsOf(bytes: Buffer): string {
  if (bytes.length < MAGIC.length + CHECK_BYTES) return ''
  const body = bytes.subarray(0, -CHECK_BYTES)
  const isWhole =
    body.toString('latin1', 0, MAGIC.length) === MAGIC &&
    hash('sha256', body, 'buffer').equals(bytes.subarray(body.length))
  return isWhole ? body.toString('latin1', MAGIC.length) : ''
}

/** Identity -> where its record begins. */
function indexOf(records: string): Map<string, number> {
  const index = new Map<string, number>()
  for (let at = 0; at + RECORD_BYTES <= records.length; at += RECORD_BYTES)
    index.set(records.slice(at + 1, at + 1 + IDENTITY_BYTES), at)
  return index
}

function format(records: readonly string[]): Buffer {
  const body = Buffer.from(MAGIC + records.slice(0, MAX_RECORDS).join(''), 'latin1')
  return Buffer.concat([body, hash('sha256', body, 'buffer')])
}

const folderOf = ({ config }: Pick<Base, 'config'>): string => join(config.paths.root, 'build', 'digests')

/** Of each context that was built from a folder; a use that learns something writes its file anew. */
export async function listDigests(base: Pick<Base, 'host' | 'config'>): Promise<KeptPlace[]> {
  const folder = folderOf(base)
  const found: KeptPlace[] = []
  for (const place of await listFolder(base, folder)) {
    const stat = await base.host.files.stat(join(folder, place)).catch(() => undefined)
    if (stat === undefined) continue
    const { size, birthtimeMs, mtimeMs } = stat
    const description = 'digests of the files of a build context'
    found.push({ place, description, sizeBytes: size, createdAtMs: birthtimeMs, usedAtMs: mtimeMs })
  }
  return found
}

/** The next build of that context reads all of its files again. False when it is not there. */
export async function removeDigests(base: Pick<Base, 'host' | 'config'>, place: string): Promise<boolean> {
  const file = join(folderOf(base), place)
  if (!/^[0-9a-f]{64}$/.test(place) || !base.host.files.existsSync(file)) return false
  await base.host.files.rm(file, { force: true })
  return true
}

/** Contexts that were not built for the longest time go. */
async function dropOldest(base: Base): Promise<void> {
  const all = await listDigests(base)
  const old = all.toSorted((a, b) => a.usedAtMs - b.usedAtMs).slice(0, Math.max(0, all.length - MAX_FILES))
  for (const { place } of old) await removeDigests(base, place)
}

async function readDigests(base: Base, context: string): Promise<FileDigests> {
  const { host, log } = base
  const folder = folderOf(base)
  const file = join(folder, hash('sha256', context))
  const bytes = await host.files.readFile(file).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return Buffer.alloc(0)
    throw error
  })
  const records = recordsOf(bytes)
  const index = indexOf(records)
  const asked = new Uint8Array(records.length / RECORD_BYTES)
  const fresh = new Map<string, string>()
  let isWritten = true

  function allRecords(): string[] {
    const all: string[] = []
    for (const [identity, digest] of fresh) all.push(`\0${identity}${digest}`)
    for (const [identity, at] of index) {
      const age = asked[at / RECORD_BYTES] === 1 ? 0 : records.charCodeAt(at) + 1
      if (age <= MAX_AGE && !fresh.has(identity))
        all.push(String.fromCharCode(age) + records.slice(at + 1, at + RECORD_BYTES))
    }
    return all
  }

  return {
    get(identity) {
      const at = index.get(identity)
      if (at === undefined) return fresh.get(identity)
      asked[at / RECORD_BYTES] = 1
      return records.slice(at + 1 + IDENTITY_BYTES, at + RECORD_BYTES)
    },
    set(identity, digest) {
      if (identity.length !== IDENTITY_BYTES || digest.length !== DIGEST_BYTES) return
      fresh.set(identity, digest)
      isWritten = false
    },
    hashing: new Map(),
    async close() {
      if (isWritten) return
      isWritten = true
      try {
        await host.files.mkdir(folder, { recursive: true, mode: 0o700 })
        await host.files.writeAtomic(file, format(allRecords()), { mode: 0o600, durable: false })
        await dropOldest(base)
      } catch (error) {
        log('warn', 'the digests of a build context could not be kept', { context, error: String(error) })
      }
    },
  }
}

/** One for each engine. */
export function createDigestKeeper(base: Base): DigestKeeper {
  const open = new Map<string, { readonly digests: Promise<FileDigests>; users: number }>()
  return {
    async open(context) {
      const shared = open.get(context) ?? { digests: readDigests(base, context), users: 0 }
      open.set(context, shared)
      shared.users += 1
      const leave = (): void => {
        shared.users -= 1
        if (shared.users === 0 && open.get(context) === shared) open.delete(context)
      }
      try {
        const digests = await shared.digests
        return {
          ...digests,
          async close() {
            // those who come now read what is written
            await digests.close()
            leave()
          },
        }
      } catch (error) {
        leave()
        throw error
      }
    },
  }
}
