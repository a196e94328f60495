/** Which services `up` builds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { servicesToBuild, type BuildWish } from '../../../../src/project/build/needed.ts'
import { project } from '../harness.ts'

const YAML = `
services:
  here: { build: . }
  missing: { build: . }
  policy: { build: ., pull_policy: build }
  image: { image: db }
`

const CASES: readonly { readonly wish: BuildWish; readonly pull?: string; readonly want: readonly string[] }[] = [
  { wish: undefined, want: ['missing', 'policy'] },
  { wish: 'always', want: ['here', 'missing', 'policy'] },
  { wish: 'never', want: [] },
  { wish: undefined, pull: 'build', want: ['here', 'missing', 'policy'] },
  { wish: undefined, pull: 'missing', want: ['missing'] },
]

for (const { wish, pull, want } of CASES)
  test(`wish ${wish}, --pull ${pull}`, async () => {
    const { services } = await project(YAML)
    const decision = { wish, pull, isPresent: ({ name }: { readonly name: string }) => name !== 'missing' }
    const found = servicesToBuild(Object.values(services), decision)
    assert.deepEqual(
      found.map(({ name }) => name),
      want,
    )
  })
