/**
 * The conformance table against docker with BuildKit: builds each row there, prints in what it differs, exits with 1 if
 * something does that no remark explains. Run by hand; the README says how.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { ImageConfig } from '../../src/api/types/index.ts'
import { busyboxTar } from '../support/busybox.ts'
import { listingOf, makeFiles, type Files } from '../support/copy-case.ts'
import type { BuildCase } from './build-case.ts'
import { judge, type Listing, type Outcome } from './judge.ts'
import { TABLE } from './table.ts'

interface Peer {
  /** argv before "build". */
  readonly docker: readonly string[]
  /** A folder that both see, by our name and by docker's. */
  readonly work: string
  readonly inside: string
}

const TAG = 'mycompose-conformance'

function run(peer: Peer, ...args: readonly string[]): { readonly ok: boolean; readonly output: string } {
  const [program = 'docker', ...rest] = [...peer.docker, ...args]
  const { status, stdout, stderr } = spawnSync(program, rest, { encoding: 'utf8', maxBuffer: 2 ** 28 })
  return { ok: status === 0, output: `${stdout}${stderr}` }
}

function must(peer: Peer, ...args: readonly string[]): string {
  const { ok, output } = run(peer, ...args)
  if (!ok) throw new Error(`docker ${args.join(' ')}: ${output}`)
  return output
}

/** Writes what a row reads; gives the arguments of `docker build`. */
function prepare(peer: Peer, row: BuildCase): readonly string[] {
  const folder = (name: string, files: Files = {}): string => {
    mkdirSync(join(peer.work, name), { recursive: true })
    makeFiles(join(peer.work, name), files)
    return join(peer.inside, name)
  }
  const context = folder('context', row.files)
  row.prepare?.(join(peer.work, 'context'))
  writeFileSync(join(peer.work, 'Dockerfile'), row.dockerfile)
  const { args = {}, labels = {}, target, secrets = [], extraHosts = [] } = row.request ?? {}
  for (const { id, valueBase64 } of secrets) writeFileSync(join(peer.work, `secret-${id}`), valueBase64, 'base64')
  return [
    '-f',
    join(peer.inside, 'Dockerfile'),
    ...Object.entries(args).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    ...Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]),
    ...(target === undefined ? [] : ['--target', target]),
    ...secrets.flatMap(({ id }) => ['--secret', `id=${id},src=${join(peer.inside, `secret-${id}`)}`]),
    ...extraHosts.flatMap((host) => ['--add-host', host]),
    ...Object.entries(row.contexts ?? {}).flatMap(([name, files]) => [
      '--build-context',
      `${name}=${folder(`context-${name}`, files)}`,
    ]),
    context,
  ]
}

interface Saved {
  readonly files: Listing
  readonly config: ImageConfig
}

/** The image as `docker save` gives it: its layers put upon each other. */
function saved(peer: Peer, tag: string): Saved {
  const { ok, output } = run(peer, 'save', '-o', join(peer.inside, 'image.tar'), tag)
  if (!ok && output.includes('empty export')) return withoutLayers(peer)
  if (!ok) throw new Error(`docker save: ${output}`)
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-peer-'))
  try {
    const [image, root] = [join(folder, 'image'), join(folder, 'root')]
    for (const path of [image, root]) mkdirSync(path)
    execFileSync('tar', ['-C', image, '-xf', join(peer.work, 'image.tar')])
    const read = (name: string): unknown => JSON.parse(readFileSync(join(image, name), 'utf8'))
    const [manifest] = read('manifest.json') as { Config: string; Layers: string[] }[]
    for (const layer of manifest?.Layers ?? []) putLayer(root, join(image, layer))
    return { files: listingOf(root), config: read(manifest?.Config ?? '') as ImageConfig }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** `docker save` refuses an image without layers: what there is to know of it comes in two other ways. */
function withoutLayers(peer: Peer): Saved {
  const config = JSON.parse(
    must(peer, 'image', 'inspect', '--format', '{{json .Config}}', TAG),
  ) as ImageConfig['config']
  const steps = must(peer, 'history', '--no-trunc', '--format', '{{json .}}', TAG).split('\n').toReversed()
  const history = steps.filter(Boolean).map((step) => {
    const { CreatedBy, Comment } = JSON.parse(step) as Record<'CreatedBy' | 'Comment', string>
    return { created_by: CreatedBy, comment: Comment, empty_layer: true }
  })
  return { files: {}, config: { config, history } as unknown as ImageConfig }
}

/** What its whiteouts name goes before its files come. */
function putLayer(root: string, tar: string): void {
  const names = execFileSync('tar', ['-tf', tar], { encoding: 'utf8', maxBuffer: 2 ** 28 }).split('\n')
  for (const name of names) {
    const hidden = /^(?<folder>(?:.*\/)?)\.wh\.(?<name>[^/]+)$/.exec(name)?.groups
    if (hidden === undefined) continue
    const inFolder = join(root, hidden['folder'] ?? '')
    const gone = hidden['name'] === '.wh..opq' ? readdirSync(inFolder) : [hidden['name'] ?? '']
    for (const path of gone) rmSync(join(inFolder, path), { recursive: true, force: true })
  }
  execFileSync('tar', ['-C', root, '--numeric-owner', '--exclude=.wh.*', '-xpf', tar])
}

function outcomeOf(peer: Peer, row: BuildCase): Outcome {
  rmSync(peer.work, { recursive: true, force: true })
  mkdirSync(peer.work, { recursive: true })
  if (row.base !== undefined) {
    const { tag, dockerfile } = row.base
    must(peer, 'build', '-t', tag, ...prepare(peer, { name: tag, dockerfile }))
  }
  const args = prepare(peer, row)
  const { ok, output } = run(peer, 'build', '--progress=plain', '-t', TAG, ...args)
  if (!ok) return { kind: 'failed', message: output.split('\n').slice(-6).join(' ').trim() }
  const { files, config } = saved(peer, TAG)
  return { kind: 'built', files: withoutMountPoints(files), config: { ...config.config }, history: config.history }
}

/** BuildKit leaves the folders on which it mounts when a RUN made them; the busybox of the tests has none. */
function withoutMountPoints(files: Listing): Listing {
  const isLeft = (path: string, what: string): boolean => ['dev', 'proc', 'sys'].includes(path) && what.endsWith(' /')
  return Object.fromEntries(Object.entries(files).filter(([path, what]) => !isLeft(path, what)))
}

/** The same busybox as in our engine. */
async function importBusybox(peer: Peer): Promise<Listing> {
  mkdirSync(peer.work, { recursive: true })
  cpSync(await busyboxTar(), join(peer.work, 'busybox.tar'))
  must(peer, 'import', '--change', 'ENV LANG=C', join(peer.inside, 'busybox.tar'), 'busybox')
  return saved(peer, 'busybox').files
}

const { values } = parseArgs({
  options: {
    docker: { type: 'string', default: 'docker' },
    work: { type: 'string', default: join(tmpdir(), 'mycompose-peer-work') },
    inside: { type: 'string' },
    only: { type: 'string', default: '' },
    verbose: { type: 'boolean', default: false },
  },
})
if (existsSync(values.work) && readFileSync('/proc/mounts', 'utf8').includes(` ${values.work} `)) {
  throw new Error(`${values.work} is a mount point: name a folder below it, it is emptied for each row`)
}
const peer: Peer = { docker: values.docker.split(' '), work: values.work, inside: values.inside ?? values.work }
const busybox = await importBusybox(peer)
const only = new RegExp(values.only)
let unexplained = 0
for (const row of Object.values(TABLE).flat()) {
  if (!only.test(row.name)) continue
  const found = judge(row, outcomeOf(peer, row), busybox)
  if (found.length === 0) {
    if (values.verbose) console.log(`${row.name}: as expected`)
    continue
  }
  if (row.peer === undefined) unexplained += 1
  console.log(`${row.name}${row.peer === undefined ? '' : ` (explained: ${row.peer})`}`)
  for (const line of found) console.log(`    ${line}`)
}
rmSync(peer.work, { recursive: true, force: true })
console.log(`${unexplained} rows differ without a remark`)
process.exitCode = unexplained === 0 ? 0 : 1
