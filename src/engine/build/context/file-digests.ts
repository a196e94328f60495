/**
 * Digests of the files of one context, kept from build to build: a file that has the identity it had (host/statx.ts) is not
 * read again. One small file for each context, read and written whole: 20,000 entries are 2 MB and take 10 ms.
 * What is damaged or of another version counts as empty. Entries that eight builds did not ask for are dropped.
 */
import { createHash, hash } from 'node:crypto'
import { join } from 'node:path'
import type { EngineBase } from '../../context.ts'
import type { DigestMemory } from '../files/tree.ts'
import { errnoOf } from '../../../errors.ts'

export interface FileDigests extends DigestMemory {
  /** Writes what has changed; a failure is logged only, as it costs time and nothing else. */
  save(): Promise<void>
}

type Base = Pick<EngineBase, 'host' | 'config' | 'log'>

const MAGIC = 'mycompose file digests 1\n'
const IDENTITY_BYTES = 48
/** "-" or "x", and 32 bytes; an empty content is all zeros. */
const DIGEST_BYTES = 33
const RECORD_BYTES = 1 + IDENTITY_BYTES + DIGEST_BYTES
const MAX_AGE = 8
const MAX_RECORDS = 1_000_000
const MAX_FILES = 64
const CHECK_BYTES = 32
const NOTHING = '0'.repeat(64)

interface Known {
  readonly digest: string
  /** Builds since it was last asked for. */
  age: number
}

const pack = (digest: string): string =>
  digest.slice(0, 1) + Buffer.from(digest.length === 1 ? NOTHING : digest.slice(1), 'hex').toString('latin1')

function unpack(packed: string): string {
  const hex = Buffer.from(packed.slice(1), 'latin1').toString('hex')
  return hex === NOTHING ? packed.slice(0, 1) : packed.slice(0, 1) + hex
}

function parse(bytes: Buffer): Map<string, Known> {
  const known = new Map<string, Known>()
  const body = bytes.subarray(0, -CHECK_BYTES)
  const isWhole =
    body.toString('latin1', 0, MAGIC.length) === MAGIC &&
    createHash('sha256').update(body).digest().equals(bytes.subarray(body.length))
  if (!isWhole) return known
  const text = body.toString('latin1', MAGIC.length)
  for (let at = 0; at + RECORD_BYTES <= text.length; at += RECORD_BYTES) {
    const identity = text.slice(at + 1, at + 1 + IDENTITY_BYTES)
    const digest = text.slice(at + 1 + IDENTITY_BYTES, at + RECORD_BYTES)
    known.set(identity, { digest, age: text.charCodeAt(at) + 1 })
  }
  return known
}

function format(known: ReadonlyMap<string, Known>): Buffer {
  const records: string[] = [MAGIC]
  for (const [identity, { digest, age }] of known)
    if (age <= MAX_AGE && records.length <= MAX_RECORDS) records.push(String.fromCharCode(age), identity, digest)
  const body = Buffer.from(records.join(''), 'latin1')
  return Buffer.concat([body, createHash('sha256').update(body).digest()])
}

/** Contexts that were not built for the longest time go. */
async function dropOldest({ host }: Base, folder: string): Promise<void> {
  const names = await host.files.readdir(folder)
  if (names.length <= MAX_FILES) return
  const dated = await Promise.all(
    names.map(async (name) => ({ name, mtimeMs: (await host.files.stat(join(folder, name))).mtimeMs })),
  )
  const old = dated.toSorted((a, b) => a.mtimeMs - b.mtimeMs).slice(0, names.length - MAX_FILES)
  for (const { name } of old) await host.files.rm(join(folder, name), { force: true })
}

/** `context`: the absolute path that names it. */
export async function openFileDigests(base: Base, context: string): Promise<FileDigests> {
  const { host, config, log } = base
  const folder = join(config.paths.root, 'build', 'digests')
  const file = join(folder, hash('sha256', context))
  const bytes = await host.files.readFile(file).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return Buffer.alloc(CHECK_BYTES)
    throw error
  })
  const known = parse(bytes)
  let isChanged = false
  return {
    get(identity) {
      const entry = known.get(identity)
      if (entry === undefined) return undefined
      entry.age = 0
      return unpack(entry.digest)
    },
    set(identity, digest) {
      if (identity.length !== IDENTITY_BYTES) return
      known.set(identity, { digest: pack(digest), age: 0 })
      isChanged = true
    },
    async save() {
      if (!isChanged) return
      try {
        await host.files.mkdir(folder, { recursive: true, mode: 0o700 })
        await host.files.writeAtomic(file, format(known), { mode: 0o600, durable: false })
        isChanged = false
        await dropOldest(base, folder)
      } catch (error) {
        log('warn', 'the digests of a build context could not be kept', { context, error: String(error) })
      }
    },
  }
}
