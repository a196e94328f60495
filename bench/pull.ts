/**
 * Pulling 400 MB in 6 layers from Debian's docker-registry on loopback into an empty store, once more when all is there,
 * the engine's memory meanwhile, and unpacking alone beside GNU tar. Ours is asked by curl on the socket; docker by its own
 * command line, the time of which is not taken off.
 */
import { createHash, randomFillSync } from 'node:crypto'
import { cpSync, createReadStream, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Contender, Materials } from './contenders.ts'
import { median, run } from './measure.ts'
import type { Row } from './table.ts'
import { discardLayer, stageLayer } from '../src/engine/layers/store.ts'
import { engineConfig } from '../src/engine/config.ts'
import { openPrivateStore } from '../test/support/private-store.ts'
import { writeLayout } from '../test/support/oci-layout.ts'
import { startRegistry, type TestRegistry } from '../test/support/registry.ts'
import { folder, tarOf, type TestEntry } from '../test/support/tar-bytes.ts'

const LAYERS = 6
const FILES_PER_LAYER = 1100
const MEAN_FILE_BYTES = 60_000
const ROUNDS = 3

/** Half random, half the same again: it compresses like programs do, to about a half. */
function layer(name: string): Buffer {
  const noise = randomFillSync(Buffer.alloc(MEAN_FILE_BYTES))
  const files = Array.from({ length: FILES_PER_LAYER }, (_, index): TestEntry => {
    const size = ((index * 7919) % (2 * MEAN_FILE_BYTES)) + 1
    const salt = createHash('sha256').update(`${name}${index}`).digest()
    const content = Buffer.concat([noise.subarray(0, size / 2), Buffer.alloc(size / 2, salt)])
    randomFillSync(content, 0, Math.floor(content.length / 2))
    return { path: `${name}/${index % 40}/${index}`, content }
  })
  return tarOf(folder(name), ...files)
}

async function measureOwn(
  contender: Contender,
  registry: TestRegistry,
  root: string,
): Promise<{ coldMs: number; warmMs: number; memoryMib: number }> {
  const { socket } = engineConfig(root, 'bench').paths
  const request = (method: string, path: string): string[] => [
    'curl',
    '-sS',
    '--fail',
    '--unix-socket',
    socket,
    '-X',
    method,
    `http://engine/v1.51/images/${path}`,
  ]
  const name = encodeURIComponent(`${registry.host}/bench`)
  const pull = request('POST', `create?fromImage=${name}&tag=1`)
  const [cold, warm]: number[][] = [[], []]
  let memoryBytes = 0
  for (let round = 0; round <= ROUNDS; round += 1) {
    const watch = setInterval(() => (memoryBytes = Math.max(memoryBytes, contender.memoryBytes())), 100)
    const { durationMs, stdout } = await run(pull, { keepOutput: true })
    clearInterval(watch)
    if (!stdout.includes('Downloaded newer image')) throw new Error(stdout.slice(-500))
    const again = await run(pull)
    if (round > 0) {
      cold?.push(durationMs)
      warm?.push(again.durationMs)
    }
    await run(request('DELETE', `${name}:1?force=true`))
  }
  return { coldMs: median(cold ?? []), warmMs: median(warm ?? []), memoryMib: memoryBytes / 2 ** 20 }
}

async function measureSkopeo(registry: TestRegistry, work: string): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const target = join(work, 'skopeo')
    const source = `docker://${registry.host}/bench:1`
    const argv = ['skopeo', '--insecure-policy', 'copy', '-q', '--src-tls-verify=false', source, `dir:${target}`]
    times.push((await run(argv)).durationMs)
    rmSync(target, { recursive: true })
  }
  return median(times)
}

/** The same image from a registry on the peer's own loopback. Undefined where there is none. */
async function measurePeer(
  contender: Contender,
  layout: string,
): Promise<{ coldMs: number; warmMs: number } | undefined> {
  const { registry, fixturesFolder, fixturesInside, env, overheadMs } = contender
  if (registry === undefined) return undefined
  const name = `${registry.host}/bench-pull:1`
  cpSync(layout, join(fixturesFolder, 'pull'), { recursive: true })
  const from = `oci:${join(fixturesInside, 'pull')}:bench:1`
  await run(
    [...registry.skopeo, '--insecure-policy', 'copy', '-q', '--dest-tls-verify=false', from, `docker://${name}`],
    { env },
  )
  const [cold, warm]: number[][] = [[], []]
  for (let round = 0; round <= ROUNDS; round += 1) {
    const first = await run(contender.image(['pull', '-q', name]), { env })
    const again = await run(contender.image(['pull', '-q', name]), { env })
    if (round > 0) {
      cold?.push(first.durationMs - overheadMs)
      warm?.push(again.durationMs - overheadMs)
    }
    await run(contender.image(['rm', '-f', name]), { env })
  }
  return { coldMs: median(cold ?? []), warmMs: median(warm ?? []) }
}

/** All layers, one after the other, ours in this process and GNU tar's. */
async function measureUnpack(blobs: readonly string[], work: string): Promise<{ own: number; tar: number }> {
  const cleanUps: (() => unknown)[] = []
  const store = await openPrivateStore({ after: (fn) => void cleanUps.push(fn as () => unknown) })
  const [own, tar]: number[][] = [[], []]
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const start = performance.now()
      const staged = []
      for (const blob of blobs) staged.push(await stageLayer(store.base, createReadStream(blob), { lower: [] }))
      own?.push(performance.now() - start)
      for (const one of staged) await discardLayer(store.base, one)
      let sum = 0
      for (const [index, blob] of blobs.entries()) {
        const target = join(work, `tar${index}`)
        mkdirSync(target)
        sum += (await run(['tar', '-C', target, '-xzpf', blob])).durationMs
      }
      tar?.push(sum)
      for (const index of blobs.keys()) rmSync(join(work, `tar${index}`), { recursive: true })
    }
  } finally {
    for (const cleanUp of cleanUps) await cleanUp()
  }
  return { own: median(own ?? []), tar: median(tar ?? []) }
}

/** The largest files of an OCI layout or a registry's storage: the layers. */
function layerBlobs(storage: string): string[] {
  return readdirSync(storage, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('layout-'))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted((a, b) => statSync(b).size - statSync(a).size)
    .slice(0, LAYERS)
}

export async function measurePull(
  contenders: readonly Contender[],
  { folder: work }: Materials,
  { own, peer, floor }: { readonly own: string; readonly peer: string; readonly floor: string },
): Promise<Row[]> {
  const cleanUps: (() => unknown)[] = []
  try {
    const registry = await startRegistry({ after: (fn) => void cleanUps.push(fn as () => unknown) })
    const image = { name: 'bench:1', layers: Array.from({ length: LAYERS }, (_, index) => layer(`l${index}`)) }
    await registry.add(image)
    const contender = contenders.find(({ name }) => name === own)
    if (contender === undefined) return []
    const pulled = await measureOwn(contender, registry, join(work, 'engine'))
    const layout = join(work, 'layout')
    mkdirSync(layout)
    writeLayout(layout, [image])
    const other = contenders.find(({ name }) => name === peer)
    const theirs = other === undefined ? undefined : await measurePeer(other, layout)
    const skopeoMs = await measureSkopeo(registry, work)
    const unpacked = await measureUnpack(layerBlobs(join(registry.folder, 'data')), work)
    return [
      {
        name: 'pull of 400 MB, 6 layers',
        unit: 'ms',
        values: { [own]: pulled.coldMs, ...(theirs === undefined ? {} : { [peer]: theirs.coldMs }), [floor]: skopeoMs },
      },
      {
        name: 'pull of what is there',
        unit: 'ms',
        values: { [own]: pulled.warmMs, ...(theirs === undefined ? {} : { [peer]: theirs.warmMs }) },
      },
      { name: 'engine during a pull, at most', unit: 'MiB', values: { [own]: pulled.memoryMib } },
      { name: 'unpack of 6 layers', unit: 'ms', values: { [own]: unpacked.own, [floor]: unpacked.tar } },
    ]
  } finally {
    for (const cleanUp of cleanUps) await cleanUp()
  }
}
