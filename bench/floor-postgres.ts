/**
 * The floor of the scenarios with PostgreSQL: the same file trees and programs in bare containers of the OCI runtime, asked
 * by `exec` over and over whether they are ready. No network (PostgreSQL listens on its unix socket), no health checks.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Contender } from './contenders.ts'
import { run } from './measure.ts'

export interface PostgresFloor {
  /** Milliseconds until the database is ready and the web server stands. */
  up(data: 'new' | 'old'): Promise<number>
}

/** What the entrypoint and the two servers need of what Docker gives by default. */
const CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'KILL', 'SETGID', 'SETUID', 'SETPCAP', 'NET_BIND_SERVICE']
const PROJECT_FILE = 'postgres.yaml'

/** The entrypoint has become the server: the one that it starts to fill a new cluster answers, too. */
const READY = '[ "$(cat /proc/1/comm)" = postgres ] && pg_isready -q -U app'

interface Program {
  readonly args: readonly string[]
  readonly env: readonly string[]
}

const PROGRAMS: Readonly<Record<'db' | 'web', Program>> = {
  db: {
    args: ['bash', '/usr/local/bin/postgres-entrypoint.sh', '-c', 'listen_addresses='],
    env: ['POSTGRES_USER=app', 'POSTGRES_PASSWORD=bench', 'POSTGRES_DB=app'],
  },
  web: { args: ['nginx', '-g', 'daemon off;'], env: [] },
}
const PATH = 'PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** A bundle with the service's own tree, writable. */
async function writeBundle(runtime: string, bundle: string, { args, env }: Program): Promise<void> {
  await run([runtime, 'spec'], { cwd: bundle })
  const file = join(bundle, 'config.json')
  const template = JSON.parse(readFileSync(file, 'utf8')) as { process: object; root: object }
  const names = CAPABILITIES.map((name) => `CAP_${name}`)
  const capabilities = { bounding: names, effective: names, permitted: names }
  const process = {
    ...template.process,
    terminal: false,
    args,
    env: [PATH, ...env],
    capabilities,
    noNewPrivileges: false,
  }
  writeFileSync(file, JSON.stringify({ ...template, process, root: { path: 'rootfs', readonly: false } }))
}

/** The trees are those that `own` makes of the images. */
export async function createPostgresFloor(runtime: string, folder: string, own: Contender): Promise<PostgresFloor> {
  const { env } = own
  const bundles = { db: join(folder, 'floor-db'), web: join(folder, 'floor-web') }
  await run(own.compose(PROJECT_FILE, ['create']), { env })
  for (const [service, bundle] of Object.entries(bundles)) {
    const tar = join(folder, `${service}.tar`)
    mkdirSync(join(bundle, 'rootfs'), { recursive: true })
    await run(own.compose(PROJECT_FILE, ['export', '-o', tar, service]), { env })
    await run(['tar', '-C', join(bundle, 'rootfs'), '-xf', tar])
    rmSync(tar)
  }
  await run(own.compose(PROJECT_FILE, ['down', '-v']), { env })
  for (const service of ['db', 'web'] as const) await writeBundle(runtime, bundles[service], PROGRAMS[service])
  const entrypoint = join(own.fixturesFolder, 'postgres-entrypoint.sh')
  writeFileSync(join(bundles.db, 'rootfs/usr/local/bin/postgres-entrypoint.sh'), readFileSync(entrypoint))
  const data = join(bundles.db, 'rootfs/var/lib/postgresql/data')
  const bare = (...args: readonly string[]): Promise<{ durationMs: number }> =>
    run([runtime, '--root', join(folder, 'floor-postgres-state'), ...args])
  const name = (service: 'db' | 'web'): string => `floor-${process.pid}-${service}`

  async function untilReady(): Promise<void> {
    for (;;) {
      const isReady = await bare('exec', name('db'), 'bash', '-c', READY).then(
        () => true,
        () => false,
      )
      if (isReady) return
    }
  }

  /** The database in good order, so that its data is as after a `down`. */
  async function end(): Promise<void> {
    const delay = (ms: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, ms))
    const goes = (...args: readonly string[]): Promise<boolean> =>
      bare(...args).then(
        () => true,
        () => false,
      )
    await goes('kill', name('db'), 'INT')
    let isGone = false
    for (let tries = 0; tries < 200 && !isGone; tries += 1) {
      isGone = await goes('delete', name('db'))
      if (!isGone) await delay(50)
    }
    if (!isGone) await goes('delete', '-f', name('db'))
    await goes('delete', '-f', name('web'))
  }

  async function up(kind: 'new' | 'old'): Promise<number> {
    if (kind === 'new') {
      rmSync(data, { recursive: true, force: true })
      mkdirSync(data, { recursive: true })
    }
    const startedMs = performance.now()
    try {
      await bare('run', '-d', '-b', bundles.db, name('db'))
      await untilReady()
      await bare('run', '-d', '-b', bundles.web, name('web'))
      return performance.now() - startedMs
    } finally {
      await end()
    }
  }

  return { up }
}
