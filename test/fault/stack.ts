/**
 * The stack under fire: five services with dependencies, a named and an anonymous volume, two published ports, health
 * checks, a one-shot, restart policies and a scaled one that counts aloud. Its database is PostgreSQL, or a file that is
 * flushed at each row where a run has to be short.
 */
import { join } from 'node:path'
import { BUSYBOX_IMAGE } from '../support/busybox.ts'
import { composeFile, freePort, httpServer, shell } from '../support/compose.ts'
import type { EngineUnderTest, ProjectUnderTest } from '../support/engine.ts'

export const PROJECT = 'fault'
const REPOSITORY = join(import.meta.dirname, '../..')
const FAST_CHECK = { interval: '1s', timeout: '5s', retries: 30 }

/** Services that are to run after `up`, with their numbers; migrate has ended by then. */
export const EXPECTED = { cache: 1, db: 1, web: 1 } as const

export interface Database {
  readonly service: Readonly<Record<string, unknown>>
  /** argv inside `db`: adds the number, and ends with 0 when it is on the disk. */
  insert(row: number): readonly string[]
  /** argv inside `db`: one number a line. */
  readonly select: readonly string[]
}

/** A file; its volume begins with what the image has at /data. */
export const fileDatabase: Database = {
  service: shell('touch /data/rows; trap "exit 0" TERM; sleep 2147483647 & wait', {
    volumes: ['data:/data'],
    healthcheck: { test: ['CMD', 'test', '-e', '/data/rows'], ...FAST_CHECK },
    restart: 'always',
  }),
  insert: (row) => ['sh', '-c', `grep -q "from the image" /data/from-image && echo ${row} >> /data/rows && sync`],
  select: ['cat', '/data/rows'],
}

const PSQL = ['psql', '-U', 'app', '-qAt', '-v', 'ON_ERROR_STOP=1', '-c']

export const postgresDatabase: Database = {
  service: {
    image: 'postgres:15-bookworm',
    entrypoint: ['bash', '/usr/local/bin/postgres-entrypoint.sh'],
    environment: { POSTGRES_USER: 'app', POSTGRES_DB: 'app', POSTGRES_PASSWORD: 'only-here' },
    volumes: [
      'data:/var/lib/postgresql/data',
      `${REPOSITORY}/examples/postgres/entrypoint.sh:/usr/local/bin/postgres-entrypoint.sh:ro`,
    ],
    healthcheck: { test: ['CMD', 'pg_isready', '--host=127.0.0.1', '--username=app'], ...FAST_CHECK },
    stop_signal: 'SIGINT',
    restart: 'always',
  },
  insert: (row) => [...PSQL, `CREATE TABLE IF NOT EXISTS rows (n int); INSERT INTO rows VALUES (${row})`],
  select: [...PSQL, 'CREATE TABLE IF NOT EXISTS rows (n int); SELECT n FROM rows'],
}

export interface Stack {
  readonly project: ProjectUnderTest
  readonly database: Database
  readonly webPort: number
  /** What web answers since the last `change`. */
  greeting(): string
  /** Another greeting: web, and with `all` every service, is made anew by the next `up`. */
  change(options: { readonly all: boolean }): void
}

function services(database: Database, ports: readonly [number, number], greeting: string, generation: string) {
  const environment = { GENERATION: generation }
  const wget = { test: ['CMD', 'wget', '-q', '-O', '-', 'http://127.0.0.1/'], ...FAST_CHECK }
  return {
    db: { ...database.service, labels: environment },
    migrate: shell('echo migrated', { depends_on: { db: { condition: 'service_healthy' } }, environment }),
    cache: httpServer('cache', {
      ports: [`${ports[1]}:80`],
      volumes: ['/scratch'],
      healthcheck: wget,
      restart: 'unless-stopped',
      environment,
    }),
    web: httpServer(greeting, {
      ports: [`${ports[0]}:80`],
      healthcheck: wget,
      depends_on: {
        migrate: { condition: 'service_completed_successfully' },
        cache: { condition: 'service_healthy', restart: true },
      },
    }),
    worker: shell('i=0; trap "exit 0" TERM; while true; do i=$((i+1)); echo "$i"; sleep 0.05; done', {
      image: BUSYBOX_IMAGE,
      init: true,
      scale: 2,
      depends_on: ['cache'],
      restart: 'on-failure',
      environment,
    }),
  }
}

export async function createStack(engine: EngineUnderTest, database: Database): Promise<Stack> {
  const ports = [await freePort(), await freePort()] as const
  let generation = 0
  let allGeneration = 0
  const greeting = (): string => `hello ${generation}`
  const files = (): Readonly<Record<'compose.yaml', string>> =>
    composeFile(PROJECT, services(database, ports, greeting(), String(allGeneration)), { volumes: { data: {} } })
  const project = engine.project(files())
  return {
    project,
    database,
    webPort: ports[0],
    greeting,
    change({ all }) {
      generation += 1
      if (all) allGeneration += 1
      project.write('compose.yaml', files()['compose.yaml'])
    },
  }
}
