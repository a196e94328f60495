/** Which images are built, in which order. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalReference, mentionedImages } from '../../../../src/project/build/mentions.ts'
import { planBuilds, type BuildPlan } from '../../../../src/project/build/plan.ts'
import { project } from '../harness.ts'

async function plan(yaml: string, dockerfiles: Record<string, string> = {}, names?: string[]): Promise<BuildPlan> {
  const loaded = await project(yaml)
  const services = Object.values(loaded.services).filter(({ name }) => names === undefined || names.includes(name))
  return planBuilds(loaded, services, {}, new Map(Object.entries(dockerfiles)))
}

const edges = ({ graph }: BuildPlan): Record<string, readonly string[]> => Object.fromEntries(graph)

test('independent services have no order; services without build are left out', async () => {
  assert.deepEqual(edges(await plan('services: { a: { build: ./a }, b: { build: ./b }, db: { image: db } }')), {
    'p-a': [],
    'p-b': [],
  })
})

test('a context that is a service comes first, also when nobody asked for it', async () => {
  const yaml =
    'services: { web: { build: { context: ., additional_contexts: { base: "service:base" } } }, base: { build: ./base } }'
  assert.deepEqual(edges(await plan(yaml, {}, ['web'])), { 'p-web': ['p-base'], 'p-base': [] })
})

test('services of one image are built once, with all their names', async () => {
  const yaml = `
x-app: &app { image: app:1, build: { context: ., tags: [one] } }
services:
  web: *app
  worker: { image: app:1, build: { context: ., tags: [two] } }
`
  const { jobs, warnings } = await plan(yaml)
  assert.deepEqual([...jobs.keys()], ['app:1'])
  assert.deepEqual(jobs.get('app:1')?.services, ['web', 'worker'])
  assert.deepEqual(jobs.get('app:1')?.draft.request.tags, ['app:1', 'one', 'two'])
  assert.deepEqual(warnings, [])
})

test('one image from two different builds is told', async () => {
  const { warnings } = await plan('services: { a: { image: i, build: ./a }, b: { image: i, build: ./b } }')
  assert.deepEqual(warnings, ['services "a" and "b" build the same image "i" differently: it is built as "a" says'])
})

test('builds that need each other are refused', async () => {
  const yaml = `
services:
  a: { build: { context: ., additional_contexts: { x: "service:b" } } }
  b: { build: { context: ., additional_contexts: { x: "service:a" } } }
`
  await assert.rejects(plan(yaml), { code: 'BUILD_CYCLE' })
})

test('a Dockerfile that stands on the image of another service comes after it', async () => {
  const yaml =
    'services: { web: { build: ./web }, base: { image: "acme/base:2", build: ./base }, tool: { build: ./tool } }'
  const dockerfiles = {
    web: 'ARG BASE=acme/base:2\nFROM ${BASE}\nCOPY --from=p-tool /x /x',
    base: 'FROM debian',
    tool: 'FROM acme/other',
  }
  assert.deepEqual(edges(await plan(yaml, dockerfiles)), {
    'p-web': ['acme/base:2', 'p-tool'],
    'acme/base:2': [],
    'p-tool': [],
  })
})

test('texts that speak of each other give no circle', async () => {
  const yaml = 'services: { a: { build: ./a }, b: { build: ./b } }'
  const { graph } = await plan(yaml, { a: 'FROM p-b', b: 'FROM debian\nARG NEXT=p-a' })
  assert.deepEqual(Object.fromEntries(graph), { 'p-a': ['p-b'], 'p-b': [] })
})

test('what a Dockerfile speaks of', () => {
  const text = `
# FROM nothing
FROM --platform=linux/amd64 debian:12 AS base
ARG X="redis"
RUN --mount=type=bind,from=golang:1.2,target=/go true
COPY --from=base /a /b
FROM $X
`
  const found = mentionedImages(text, { Y: 'nginx' })
  for (const name of ['debian:12', 'redis', 'golang:1.2', 'nginx'])
    assert.ok(found.has(canonicalReference(name) ?? ''), name)
  assert.ok(!found.has('docker.io/library/nothing:latest'))
})
