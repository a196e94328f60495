/** `config`: what each of its flags prints, every one of them. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fakeClient, runCli, type RunResult } from './harness.ts'

const FILES = {
  '/project/compose.yaml': `name: shop
services:
  web:
    image: nginx:\${TAG:-1}
    env_file: web.env
    environment: { MODE: "\${MODE:+set}", FROM: shell }
    ports: ["8080:80"]
    volumes: ["./data:/data"]
    depends_on: [db]
    models: [llm]
  db: { image: "postgres:\${PG:?which?}" }
  tools: { image: tools, profiles: [dev] }
volumes: { unused: {} }
models: { llm: { model: ai/small } }
`,
  '/project/web.env': 'SECRET=abc\nFROM=file\n',
  '/project/loose.yaml': 'services: { web: { image: nginx, volumes: ["nowhere:/x"] } }',
}
const DIGEST = `sha256:${'d'.repeat(64)}`
const folder = mkdtempSync(join(tmpdir(), 'config-'))
after(() => rmSync(folder, { recursive: true }))

async function config(...argv: readonly string[]): Promise<RunResult> {
  const client = fakeClient({
    images: {
      distribution: () =>
        Promise.resolve({ Descriptor: { mediaType: 'application/json', digest: DIGEST, size: 1 }, Platforms: [] }),
    },
  })
  return await runCli(argv, { files: FILES, env: { PG: '17', HOME: '/home/u' }, client })
}

async function printed(...flags: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await config('config', ...flags)
  assert.deepEqual([exitCode, stderr], [0, ''])
  return stdout
}

/** Of the service web. */
async function web(...flags: readonly string[]): Promise<Record<string, unknown>> {
  const { services } = JSON.parse(await printed('--format', 'json', ...flags)) as {
    services: { web: Record<string, unknown> }
  }
  return services.web
}

const FLAGS: Readonly<Record<string, () => Promise<void>>> = {
  async '--environment'() {
    assert.equal(await printed('--environment'), 'COMPOSE_PROJECT_NAME=shop\nHOME=/home/u\nPG=17\n')
  },
  async '--format'() {
    assert.equal((await web())['image'], 'nginx:1')
    assert.match(await printed('--format', 'yaml'), /^name: shop\nservices:\n {2}db:\n/)
    const { exitCode, stderr } = await config('config', '--format', 'toml')
    assert.deepEqual([exitCode, /Allowed choices are yaml, json/.test(stderr)], [1, true])
  },
  async '--hash'() {
    assert.match(await printed('--hash', '*'), /^db [0-9a-f]{64}\nweb [0-9a-f]{64}\n$/)
    assert.match(await printed('--hash', 'web,db'), /^web [0-9a-f]{64}\ndb [0-9a-f]{64}\n$/)
    const { exitCode, stderr } = await config('config', '--hash', 'wbe')
    assert.deepEqual([exitCode, /no such service: wbe/.test(stderr)], [1, true])
  },
  async '--images'() {
    assert.equal(await printed('--images'), 'postgres:17\nnginx:1\n')
  },
  async '--lock-image-digests'() {
    const want = (image: string): string => `    image: docker.io/library/${image}@${DIGEST}\n`
    assert.equal(
      await printed('--lock-image-digests'),
      `services:\n  db:\n${want('postgres:17')}  web:\n${want('nginx:1')}`,
    )
  },
  async '--models'() {
    assert.equal(await printed('--models'), 'ai/small\n')
  },
  async '--networks'() {
    assert.equal(await printed('--networks'), 'default\n')
  },
  async '--no-consistency'() {
    const { exitCode, stderr } = await config('-f', 'loose.yaml', 'config', '-q')
    assert.deepEqual([exitCode, /undefined volume "nowhere"/.test(stderr)], [1, true])
    assert.deepEqual(await config('-f', 'loose.yaml', 'config', '-q', '--no-consistency'), {
      exitCode: 0,
      stdout: '',
      stderr: '',
    })
  },
  async '--no-env-resolution'() {
    assert.deepEqual((await web())['environment'], { FROM: 'shell', MODE: '', SECRET: 'abc' })
    const unread = await web('--no-env-resolution')
    assert.deepEqual(unread['environment'], { FROM: 'shell', MODE: '' })
    assert.deepEqual(unread['env_file'], [{ path: '/project/web.env' }])
  },
  async '--no-interpolate'() {
    const text = await printed('--no-interpolate')
    assert.match(text, /image: nginx:\$\{TAG:-1\}\n/)
    assert.match(text, /image: "?postgres:\$\{PG:\?which\?\}"?\n/)
    assert.match(text, /MODE: \$\{MODE:\+set\}\n/)
  },
  async '--no-normalize'() {
    assert.deepEqual((await web())['networks'], { default: null })
    assert.equal((await web('--no-normalize'))['networks'], undefined)
  },
  async '--no-path-resolution'() {
    const source = (service: Record<string, unknown>): unknown => (service['volumes'] as [{ source: string }])[0].source
    assert.equal(source(await web()), '/project/data')
    assert.equal(source(await web('--no-path-resolution', '--no-env-resolution')), './data')
  },
  async '--output'() {
    const file = join(folder, 'out.yaml')
    assert.equal(await printed('-o', file), '')
    assert.equal(readFileSync(file, 'utf8'), await printed())
    assert.equal(await printed('--services', '--output', file), '')
    assert.equal(readFileSync(file, 'utf8'), 'db\nweb\n')
    const { exitCode } = await config('config', '-o', join(folder, 'missing/out.yaml'))
    assert.equal(exitCode, 1)
  },
  async '--profiles'() {
    assert.equal(await printed('--profiles'), 'dev\n')
  },
  async '--quiet'() {
    assert.equal(await printed('--quiet'), '')
    assert.equal(await printed('-q'), '')
  },
  async '--resolve-image-digests'() {
    assert.equal((await web('--resolve-image-digests'))['image'], `docker.io/library/nginx:1@${DIGEST}`)
  },
  async '--services'() {
    assert.equal(await printed('--services'), 'db\nweb\n')
    assert.equal(await printed('--services', 'db'), 'db\n')
  },
  async '--variables'() {
    const lines = (await printed('--variables')).trimEnd().split('\n')
    assert.deepEqual(
      lines.map((line) => line.split(/ {2,}/)),
      [
        ['NAME', 'REQUIRED', 'DEFAULT VALUE', 'ALTERNATE VALUE'],
        ['MODE', 'false', 'set'],
        ['PG', 'true'],
        ['TAG', 'false', '1'],
      ],
    )
    assert.deepEqual(JSON.parse(await printed('--variables', '--format', 'json')), {
      MODE: { Name: 'MODE', DefaultValue: '', PresenceValue: 'set', Required: false },
      PG: { Name: 'PG', DefaultValue: '', PresenceValue: '', Required: true },
      TAG: { Name: 'TAG', DefaultValue: '1', PresenceValue: '', Required: false },
    })
  },
  async '--volumes'() {
    assert.equal(await printed('--volumes'), '')
  },
}

for (const [flag, check] of Object.entries(FLAGS)) test(`config ${flag}`, check)

test('every flag of config has a test', async () => {
  const { stdout } = await runCli(['config', '--help'])
  const flags = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, flag = '']) => flag)
  assert.ok(flags.length > 15)
  assert.deepEqual(flags.filter((flag) => flag !== '--help').toSorted(), Object.keys(FLAGS).toSorted())
})
