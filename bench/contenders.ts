/**
 * Who is measured: mycompose on a private engine, and docker compose where it is installed or reached by a prefix.
 *
 *   BENCH_PEER         command in front of `docker`, e.g. "/work/shared/peers/in-env.sh"; its own cost (PREFIX true)
 *                      is measured and taken off
 *   BENCH_PEER_NETNS   "/proc/PID/ns/net", when the prefix leads into another network namespace
 *   BENCH_PEER_REGISTRY  "127.0.0.1:5000": an open registry on its loopback, for the pulls; skopeo stands behind the prefix
 *   BENCH_PEER_SHARED  "HOST:INSIDE": a folder that both see, when the prefix leads into another mount namespace
 */
import { mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { engineConfig } from '../src/engine/config.ts'
import { bootstrapArguments, readRecipes } from '../scripts/setup-images.mjs'
import { IDLE_IMAGE, writeFixtures } from './fixtures.ts'
import { median, run } from './measure.ts'
import { pssOfCommands, pssOfRoot } from './memory.ts'

export interface Contender {
  readonly name: string
  /** argv of a compose command; `file` is one of fixtures.ts. */
  compose(file: string | readonly string[], args: readonly string[]): readonly string[]
  /** Where the files of fixtures.ts are, as this process sees it. */
  readonly fixturesFolder: string
  /** argv of an `image` command. */
  image(args: readonly string[]): readonly string[]
  /** The same folder as it sees it. */
  readonly fixturesInside: string
  /** Where it finds a registry of its own on loopback, and how that is reached from here by skopeo. */
  readonly registry?: { readonly host: string; readonly skopeo: readonly string[] }
  /** argv of `version`. */
  readonly version: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Its network namespace, where it is not this one. */
  readonly netns?: string
  /** Milliseconds that the way of calling it costs. */
  readonly overheadMs: number
  /** Whether the images of examples/ are there. */
  readonly hasExampleImages: boolean
  /** Where its process id and its log are, when it can be killed and its containers go on. */
  readonly engine?: { readonly pidFile: string; readonly log: string }
  /** Bytes (PSS) of its background processes, those of each container (monitor, shim) included. */
  memoryBytes(): number
  close(): Promise<void>
}

export interface Materials {
  readonly repository: string
  /** Work folder, emptied at the end. */
  readonly folder: string
  readonly busyboxTar: string
  readonly postgresEntrypoint: string
}

const PROJECT = 'bench'

/** The same content on both sides, under a name that no registry has. */
const benchName = (name: string): string => (name === 'postgres:15-bookworm' ? 'examples/postgres:15' : name)

function ownEnvironment(root: string): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) =>
    /^(?:PATH|HOME|\w*_proxy|NODE_EXTRA_CA_CERTS|LANG)$/i.test(name),
  )
  return { ...(Object.fromEntries(kept) as Record<string, string>), MYCOMPOSE_ROOT: root, NO_COLOR: '1' }
}

function named(files: string | readonly string[], folder: string): string[] {
  return [files].flat().flatMap((file) => ['-f', join(folder, file)])
}

export async function createMycompose(
  materials: Materials,
  { withExamples }: { withExamples: boolean },
): Promise<Contender> {
  const { repository, folder, busyboxTar, postgresEntrypoint } = materials
  // as an installed package runs: bin/mycompose of a checkout first looks for a Node and for newer sources
  const launcher = [process.execPath, join(repository, 'dist/mycompose.js')]
  const root = join(folder, 'engine')
  const fixtures = join(folder, 'fixtures')
  const env = ownEnvironment(root)
  writeFixtures(fixtures, postgresEntrypoint)
  await run([...launcher, 'image', 'import', busyboxTar, IDLE_IMAGE], { env })
  if (withExamples)
    for (const [name, recipe] of Object.entries(readRecipes(repository)))
      await run([...launcher, ...bootstrapArguments(benchName(name), recipe)], { env, timeoutMs: 600_000 })
  return {
    name: 'mycompose',
    env,
    fixturesFolder: fixtures,
    image: (args) => [...launcher, 'image', ...args],
    fixturesInside: fixtures,
    version: [...launcher, 'version'],
    compose: (file, args) => [...launcher, '-p', PROJECT, ...named(file, fixtures), ...args],
    overheadMs: 0,
    hasExampleImages: withExamples,
    engine: engineConfig(root, '').paths,
    memoryBytes: () => pssOfRoot(root),
    async close() {
      await run([...launcher, 'engine', 'stop'], { env })
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** Undefined when there is no docker that answers. */
export async function createDocker(materials: Materials): Promise<Contender | undefined> {
  const prefix = (process.env['BENCH_PEER'] ?? '').split(' ').filter(Boolean)
  const env = Object.fromEntries(Object.entries(process.env)) as Record<string, string>
  const docker = (...args: readonly string[]): Promise<unknown> => run([...prefix, 'docker', ...args], { env })
  try {
    await docker('compose', 'version')
    await docker('info')
  } catch {
    return undefined
  }
  const [host = tmpdir(), inside = host] = (process.env['BENCH_PEER_SHARED'] ?? '').split(':').filter(Boolean)
  const netns = process.env['BENCH_PEER_NETNS']
  const registry = process.env['BENCH_PEER_REGISTRY']
  const shared = `bench-${process.pid}`
  writeFixtures(join(host, shared), materials.postgresEntrypoint)
  const { copyFileSync } = await import('node:fs')
  copyFileSync(materials.busyboxTar, join(host, shared, 'busybox.tar'))
  await docker('import', join(inside, shared, 'busybox.tar'), IDLE_IMAGE)
  const overheads: number[] = []
  if (prefix.length > 0)
    for (let index = 0; index < 11; index += 1) overheads.push((await run([...prefix, 'true'], { env })).durationMs)
  const hasExampleImages = await docker('image', 'inspect', 'examples/postgres:15', 'examples/web:1').then(
    () => true,
    () => false,
  )
  return {
    name: 'docker compose',
    env,
    fixturesFolder: join(host, shared),
    image: (args) => [...prefix, 'docker', 'image', ...args],
    fixturesInside: join(inside, shared),
    ...(registry === undefined ? {} : { registry: { host: registry, skopeo: [...prefix, 'skopeo'] } }),
    version: [...prefix, 'docker', 'compose', 'version'],
    compose: (file, args) => [
      ...prefix,
      'docker',
      'compose',
      '-p',
      PROJECT,
      ...named(file, join(inside, shared)),
      ...args,
    ],
    overheadMs: prefix.length > 0 ? median(overheads) : 0,
    hasExampleImages,
    ...(netns === undefined ? {} : { netns }),
    memoryBytes: () => pssOfCommands(/^(?:dockerd|containerd|containerd-shim\S*|docker-proxy)$/),
    async close() {
      await docker('image', 'rm', IDLE_IMAGE)
      rmSync(join(host, shared), { recursive: true, force: true })
    },
  }
}

/** A new folder below the system's temporary one. */
export function makeWorkFolder(): string {
  const folder = join(tmpdir(), `mycompose-bench-${process.pid}`)
  mkdirSync(folder, { recursive: true })
  return folder
}

export const REPOSITORY: string = dirname(import.meta.dirname)
