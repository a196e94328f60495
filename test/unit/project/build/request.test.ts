/** `build:` as the engine takes it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Project } from '../../../../src/compose/model.ts'
import { draftBuild, isBuildable, parseCacheOption, type BuildDraft } from '../../../../src/project/build/request.ts'
import { VERSION } from '../../../../src/version.ts'
import { project } from '../harness.ts'

function draft(loaded: Project, overrides: Parameters<typeof draftBuild>[2] = {}): BuildDraft {
  const { web } = loaded.services
  if (web === undefined || !isBuildable(web)) throw new Error('no service web')
  return draftBuild(loaded, web, overrides)
}

const LABELS = {
  'com.docker.compose.project': 'p',
  'com.docker.compose.service': 'web',
  'com.docker.compose.version': VERSION,
}

test('the short form', async () => {
  assert.deepEqual(draft(await project('services: { web: { build: ./web } }')), {
    request: { dockerfileLabel: 'web/Dockerfile', tags: ['p-web'], labels: LABELS },
    context: { kind: 'path', path: '/work/web' },
    additionalContexts: {},
    secrets: [],
    ssh: {},
    services: [],
  })
})

test('all keys', async () => {
  const loaded = await project(
    `
services:
  base: { build: ./base }
  web:
    image: registry.example/web:1
    build:
      context: .
      dockerfile: docker/web.Dockerfile
      args: { A: "1", FROM_ENV: , UNSET: }
      target: release
      tags: ["web:2", "registry.example/web:1"]
      labels: { own: label }
      additional_contexts: { b: "service:base", img: "docker-image://debian:12", dir: ./other }
      network: host
      extra_hosts: ["db=10.0.0.1"]
      shm_size: 64m
      ulimits: { nofile: { soft: 10, hard: 20 }, nproc: 5 }
      privileged: true
      entitlements: [network.host]
      pull: true
      no_cache: true
      no_cache_filter: [deps]
      cache_from: ["web:cache", "type=local,src=cache"]
      cache_to: ["type=registry,ref=web:cache,mode=max"]
      ssh: [default, "deploy=/run/agent"]
      secrets: [token, { source: key, target: id }]
secrets:
  token: { environment: TOKEN }
  key: { file: ./key }
`,
    { environment: { FROM_ENV: 'yes' } },
  )
  const { request, additionalContexts, context, secrets, ssh, services } = draft(loaded)
  assert.deepEqual(request, {
    dockerfile: 'docker/web.Dockerfile',
    dockerfileLabel: 'docker/web.Dockerfile',
    target: 'release',
    args: { A: '1', FROM_ENV: 'yes' },
    tags: ['registry.example/web:1', 'web:2'],
    labels: { own: 'label', ...LABELS },
    network: 'host',
    extraHosts: ['db=10.0.0.1'],
    shmSizeBytes: 64 * 1024 * 1024,
    ulimits: [
      { Name: 'nofile', Soft: 10, Hard: 20 },
      { Name: 'nproc', Soft: 5, Hard: 5 },
    ],
    entitlements: ['network.host'],
    privileged: true,
    pull: true,
    noCache: true,
    noCacheFilter: ['deps'],
    cacheFrom: [
      { type: 'registry', options: { ref: 'web:cache' } },
      { type: 'local', options: { src: '/work/cache' } },
    ],
    cacheTo: [{ type: 'registry', options: { ref: 'web:cache', mode: 'max' } }],
  })
  assert.deepEqual(context, { kind: 'path', path: '/work' })
  assert.deepEqual(additionalContexts, {
    b: { kind: 'image', reference: 'p-base' },
    img: { kind: 'image', reference: 'debian:12' },
    dir: { kind: 'path', path: '/work/other' },
  })
  assert.deepEqual(
    secrets.map(({ source, target }) => [source, target]),
    [
      ['token', 'token'],
      ['key', 'id'],
    ],
  )
  assert.deepEqual(ssh, { default: '', deploy: '/run/agent' })
  assert.deepEqual(services, ['base'])
})

test('the command line adds to the file and wins', async () => {
  const loaded = await project('services: { web: { build: { context: ., args: { A: "1", B: "2" } } } }', {
    environment: { TOKEN: 't' },
  })
  const { request } = draft(loaded, {
    args: { B: '3', TOKEN: null, UNSET: null },
    noCache: true,
    pull: true,
    memoryBytes: 5,
    check: true,
  })
  assert.deepEqual(request.args, { A: '1', B: '3', TOKEN: 't' })
  assert.deepEqual([request.noCache, request.pull, request.memoryBytes, request.check], [true, true, 5, true])
})

test('the platform of the service counts before those of its build', async () => {
  const both =
    'services: { web: { platform: linux/amd64, build: { context: ., platforms: [linux/amd64, linux/arm64] } } }'
  assert.deepEqual(draft(await project(both)).request.platforms, ['linux/amd64'])
  const many = 'services: { web: { build: { context: ., platforms: [linux/amd64, linux/arm64] } } }'
  assert.deepEqual(draft(await project(many)).request.platforms, ['linux/amd64', 'linux/arm64'])
})

test('a Dockerfile in the Compose file', async () => {
  const { request } = draft(await project('services: { web: { build: { dockerfile_inline: "FROM scratch" } } }'))
  assert.equal(request.dockerfileInline, 'FROM scratch')
  assert.equal(request.dockerfile, undefined)
})

test('cache options keep what they do not know', () => {
  assert.deepEqual(parseCacheOption('type=gha,scope=a=b', '/w'), { type: 'gha', options: { scope: 'a=b' } })
})
