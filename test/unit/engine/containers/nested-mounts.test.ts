import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { SourcedMount } from '../../../../src/engine/containers/mount-sources.ts'
import { planNested } from '../../../../src/engine/containers/nested-mounts.ts'

const bind = (destination: string, propagation = ''): SourcedMount => ({
  kind: 'bind',
  source: `/src${destination}`,
  destination,
  readOnly: false,
  propagation,
  recursive: true,
  createSource: false,
  mode: '',
})
const tmpfs = (destination: string): SourcedMount => ({ kind: 'tmpfs', destination, options: [] })

describe('which mounts are put together by the engine', () => {
  const cases: readonly {
    readonly name: string
    readonly mounts: readonly SourcedMount[]
    readonly plain: readonly string[]
    /** outer -> inner */
    readonly wholes: Readonly<Record<string, readonly string[]>>
  }[] = [
    {
      name: 'none inside of another',
      mounts: [bind('/a'), bind('/ab'), tmpfs('/b')],
      plain: ['/a', '/ab', '/b'],
      wholes: {},
    },
    {
      name: 'by depth, at any distance',
      mounts: [bind('/app/x/y/z'), bind('/app'), tmpfs('/app/x'), bind('/other')],
      plain: ['/other'],
      wholes: { '/app': ['/app/x', '/app/x/y/z'] },
    },
    { name: 'inside of a tmpfs of its own', mounts: [tmpfs('/t'), bind('/t/a')], plain: ['/t', '/t/a'], wholes: {} },
    {
      name: 'inside of a bind inside of a tmpfs',
      mounts: [tmpfs('/t'), bind('/t/a'), bind('/t/a/b')],
      plain: ['/t'],
      wholes: { '/t/a': ['/t/a/b'] },
    },
    {
      name: 'one that passes mounts on',
      mounts: [bind('/a', 'rslave'), bind('/a/b'), bind('/c'), bind('/c/d', 'rshared')],
      plain: ['/a', '/a/b', '/c', '/c/d'],
      wholes: {},
    },
  ]
  for (const { name, mounts, plain, wholes } of cases)
    it(name, () => {
      const found = planNested(mounts)
      assert.deepEqual(
        found.plain.map(({ destination }) => destination),
        plain,
      )
      const names = found.wholes.map(({ outer, inner }) => [
        outer.destination,
        inner.map(({ destination }) => destination),
      ])
      assert.deepEqual(Object.fromEntries(names), wholes)
    })
})
