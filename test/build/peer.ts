/**
 * The conformance table against docker with BuildKit: builds each row there, prints in what it differs, exits with 1 if
 * something does that no remark explains. Run by hand; the README says how.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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

/** The files of what is built, as `--output type=tar` gives them. */
function filesOf(peer: Peer, args: readonly string[]): Listing {
  must(peer, 'build', '--output', `type=tar,dest=${join(peer.inside, 'files.tar')}`, ...args)
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-peer-'))
  try {
    execFileSync('tar', ['-C', folder, '--numeric-owner', '-xpf', join(peer.work, 'files.tar')])
    return listingOf(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function configOf(peer: Peer): ImageConfig {
  const tar = join(peer.work, 'image.tar')
  must(peer, 'save', '-o', join(peer.inside, 'image.tar'), TAG)
  const read = (name: string): string => execFileSync('tar', ['-xOf', tar, name], { encoding: 'utf8' })
  const [manifest] = JSON.parse(read('manifest.json')) as { Config: string }[]
  return JSON.parse(read(manifest?.Config ?? '')) as ImageConfig
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
  const { config, history } = configOf(peer)
  return { kind: 'built', files: filesOf(peer, args), config: { ...config }, history }
}

/** The same busybox as in our engine. */
async function importBusybox(peer: Peer): Promise<Listing> {
  mkdirSync(peer.work, { recursive: true })
  cpSync(await busyboxTar(), join(peer.work, 'busybox.tar'))
  must(peer, 'import', '--change', 'ENV LANG=C', join(peer.inside, 'busybox.tar'), 'busybox')
  return filesOf(peer, prepare(peer, { name: 'busybox', dockerfile: 'FROM busybox\n' }))
}

const { values } = parseArgs({
  options: {
    docker: { type: 'string', default: 'docker' },
    work: { type: 'string', default: join(tmpdir(), 'mycompose-peer-work') },
    inside: { type: 'string' },
    only: { type: 'string', default: '' },
  },
})
if (existsSync(values.work) && readFileSync('/proc/mounts', 'utf8').includes(` ${values.work} `)) {
  throw new Error(`${values.work} is a mount point: name a folder below it, it is emptied for each row`)
}
const peer: Peer = { docker: values.docker.split(' '), work: values.work, inside: values.inside ?? values.work }
const busybox = await importBusybox(peer)
let unexplained = 0
for (const row of Object.values(TABLE).flat()) {
  if (!row.name.includes(values.only)) continue
  const found = judge(row, outcomeOf(peer, row), busybox)
  if (found.length === 0) continue
  if (row.peer === undefined) unexplained += 1
  console.log(`${row.name}${row.peer === undefined ? '' : ` (explained: ${row.peer})`}`)
  for (const line of found) console.log(`    ${line}`)
}
rmSync(peer.work, { recursive: true, force: true })
console.log(`${unexplained} rows differ without a remark`)
process.exitCode = unexplained === 0 ? 0 : 1
