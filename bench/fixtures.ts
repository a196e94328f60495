/** The Compose files of the benchmarks, the same for every contender. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const IDLE_IMAGE = 'bench/busybox:1'
export const SIZES = [1, 10, 50] as const
/** Services of the files with anchors and overrides. */
export const ANCHORED = [100, 1000, 5000] as const
export const LOG_LINES = 1_000_000
export const INGESTED_BYTES = 1_000_000_000
export const LOG_LINE: string = 'x'.repeat(90)

type Service = Readonly<Record<string, unknown>>

/** Ends at once on SIGTERM: a bare `sleep` as process 1 ignores it and costs ten seconds. */
const IDLE_COMMAND = ['sh', '-c', "trap 'exit 0' TERM INT; sleep 2147483647 & wait"]
const IDLE: Service = { image: IDLE_IMAGE, command: IDLE_COMMAND.map((word) => word.replaceAll('$', () => '$$')) }

function numbered(count: number, service: (index: number) => Service): Record<string, Service> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`s${index + 1}`, service(index + 1)]))
}

/** 100 services with the usual variety of keys, for `config`. */
function varied(index: number): Service {
  return {
    image: `bench/busybox:\${TAG:-1}`,
    command: ['sleep', 'infinity'],
    restart: 'unless-stopped',
    environment: { HOME_FOLDER: '${HOME}', NUMBER: String(index) },
    ports: [`${20_000 + index}:80`],
    volumes: [`data${index}:/data`, './x:/x:ro'],
    networks: ['front', 'back'],
    healthcheck: { test: ['CMD', 'true'], interval: '10s' },
    labels: { team: 'bench' },
    logging: { driver: 'json-file', options: { 'max-size': '10m' } },
    ...(index > 1
      ? {
          depends_on: {
            [`s${Math.floor(index / 10) + 1 === index ? 1 : Math.floor(index / 10) + 1}`]: {
              condition: 'service_started',
            },
          },
        }
      : {}),
  }
}

/** The same many services as people write them: anchors, merge keys, block style; and three overrides over all of them. */
function anchored(count: number): Record<string, string> {
  const each = (lines: (index: number) => string): string =>
    Array.from({ length: count }, (_, index) => `  s${index + 1}:\n${lines(index + 1)}`).join('')
  const dependency = (index: number): string =>
    index === 1 ? '' : `    depends_on:\n      s${Math.floor(index / 2)}:\n        condition: service_started\n`
  return {
    [`anchors${count}.yaml`]: `x-env: &env
  LOG_LEVEL: \${LOG_LEVEL:-info}
  HOME_FOLDER: \${HOME}
x-check: &check
  interval: 10s
  timeout: 3s
x-service: &service
  restart: unless-stopped
  logging:
    driver: json-file
    options:
      max-size: "10m"
  networks: [front, back]
  deploy:
    resources:
      limits:
        cpus: "0.5"
        memory: 256M
services:
${each(
  (index) => `    <<: *service
    image: bench/busybox:\${TAG:-1}
    command: ["sleep", "infinity"]
    environment:
      <<: *env
      NUMBER: "${index}"
    ports:
      - "${20_000 + index}:80"
    volumes:
      - data${index}:/data
      - ./x:/x:ro
    healthcheck:
      <<: *check
      test: ["CMD", "true"]
    labels:
      team: bench
${dependency(index)}`,
)}networks:
  front:
  back:
volumes:
${Array.from({ length: count }, (_, index) => `  data${index + 1}:\n`).join('')}`,
    [`dev${count}.yaml`]: `services:\n${each((index) => `    environment:\n      DEBUG: "1"\n      NUMBER: "dev${index}"\n    volumes:\n      - ./src:/src\n`)}`,
    [`ports${count}.yaml`]: `services:\n${each((index) => `    ports:\n      - "127.0.0.1:${30_000 + index}:81"\n    labels:\n      stage: test\n`)}`,
    [`limits${count}.yaml`]: `services:\n${each(() => '    deploy:\n      resources:\n        limits:\n          memory: 512M\n    stop_grace_period: 5s\n')}`,
  }
}

const DATABASE_AND_WEB = {
  services: {
    db: {
      image: 'examples/postgres:15',
      entrypoint: ['bash', '/usr/local/bin/postgres-entrypoint.sh'],
      environment: { POSTGRES_USER: 'app', POSTGRES_PASSWORD: 'bench', POSTGRES_DB: 'app' },
      healthcheck: {
        test: ['CMD', 'pg_isready', '-h', '127.0.0.1', '-U', 'app'],
        interval: '1s',
        timeout: '3s',
        retries: 60,
      },
      volumes: ['data:/var/lib/postgresql/data', './postgres-entrypoint.sh:/usr/local/bin/postgres-entrypoint.sh:ro'],
      stop_signal: 'SIGINT',
    },
    web: {
      image: 'examples/web:1',
      command: ['nginx', '-g', 'daemon off;'],
      depends_on: { db: { condition: 'service_healthy' } },
      ports: ['18081:80'],
      stop_signal: 'SIGQUIT',
    },
  },
  volumes: { data: {} },
}

function allFiles(): Record<string, object> {
  const idle = SIZES.map((size) => [`idle${size}.yaml`, { services: numbered(size, () => IDLE) }] as const)
  const chain = numbered(10, (index) => (index === 1 ? IDLE : { ...IDLE, depends_on: [`s${index - 1}`] }))
  const volumes = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`data${index + 1}`, {}]))
  const writer = { image: IDLE_IMAGE, command: ['sh', '-c', `yes ${LOG_LINE} | head -n ${LOG_LINES}`] }
  const firehose = { image: IDLE_IMAGE, command: ['sh', '-c', `yes ${LOG_LINE} | head -c ${INGESTED_BYTES}`] }
  return {
    ...Object.fromEntries(idle),
    'chain10.yaml': { services: chain },
    'config100.yaml': { services: numbered(100, varied), networks: { front: {}, back: {} }, volumes },
    'logs.yaml': { services: { writer } },
    'ingest.yaml': { services: { writer: firehose } },
    'postgres.yaml': DATABASE_AND_WEB,
    'network.yaml': { services: { server: { ...IDLE, ports: ['18082:80', '18083:81'] }, client: IDLE } },
  }
}

/** Writes them into `folder`. */
export function writeFixtures(folder: string, postgresEntrypoint: string): void {
  mkdirSync(folder, { recursive: true })
  for (const [name, content] of Object.entries(allFiles()))
    writeFileSync(join(folder, name), `${JSON.stringify(content, undefined, 2)}\n`)
  for (const count of ANCHORED)
    for (const [name, text] of Object.entries(anchored(count))) writeFileSync(join(folder, name), text)
  writeFileSync(join(folder, 'postgres-entrypoint.sh'), postgresEntrypoint)
}
