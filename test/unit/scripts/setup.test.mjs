/** The decisions of the set-up; what it then does is seen by running it. JavaScript, as the scripts are. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bootstrapArguments, imagesOf, readRecipes, registryNames } from '../../../scripts/setup-images.mjs'
import { findNpmCli, isAtLeast, wantedNodeVersion } from '../../../scripts/setup-node.mjs'
import { missingPackages } from '../../../scripts/setup-packages.mjs'

const REPOSITORY = join(import.meta.dirname, '../../..')

test('versions are compared by number, part by part', () => {
  const cases = [
    ['v24.12.0', '24.12', true],
    ['24.21.0', '24.12', true],
    ['v25.0.0', '24.12', true],
    ['v24.9.0', '24.12', false],
    ['v20.20.2', '24.12', false],
    ['24', '24.0.0', true],
  ]
  for (const [found, wanted, want] of cases) assert.equal(isAtLeast(found, wanted), want, `${found} >= ${wanted}`)
})

test('package.json names the lowest version, and this process has it', () => {
  assert.ok(isAtLeast(process.version, wantedNodeVersion(REPOSITORY)))
})

test('npm is found by what started us, else on the PATH', () => {
  assert.match(findNpmCli(), /npm-cli\.js$/)
})

test('a package counts as installed only when dpkg says so of it', () => {
  const listing = 'installed crun\nconfig-files conmon\nnot-installed tini\n\n'
  assert.deepEqual(missingPackages(['crun', 'conmon', 'tini', 'nftables'], listing), ['conmon', 'tini', 'nftables'])
})

test('every image that an example names or builds on has a recipe, and a true name', () => {
  const recipes = readRecipes(REPOSITORY)
  const read = (pattern) =>
    globSync(pattern, { cwd: REPOSITORY }).map((file) => readFileSync(join(REPOSITORY, file), 'utf8'))
  const texts = read('examples/*/compose.yaml')
  const named = texts.flatMap((text) => [...text.matchAll(/^\s*image:\s*(\S+)/gm)].map(([, name]) => name))
  const bases = read('examples/*/*/Dockerfile').flatMap((text) =>
    [...text.matchAll(/^FROM (\S+)/gm)].map(([, name]) => name),
  )
  assert.ok(bases.length >= 3)
  for (const name of [...named, ...bases]) assert.equal(recipes[name]?.registry, true, name)
  assert.deepEqual(new Set(imagesOf(texts.join('\n'), recipes)), new Set(named))
})

test('a registry is asked for true names only, and for what the others stand on', () => {
  const recipes = {
    'db:1': { from: 'base:1', registry: true },
    'own:1': { from: 'base:2' },
    'own:2': { from: 'base:2' },
  }
  assert.deepEqual(registryNames(['db:1', 'own:1', 'own:2'], recipes), ['base:2', 'db:1'])
  assert.deepEqual(registryNames([], recipes), [])
})

test('a recipe becomes one command', () => {
  const recipe = { from: 'debian:bookworm-slim', include: ['a', 'b'], changes: ['ENV A=1'] }
  const want = ['image', 'bootstrap', 'debian:bookworm-slim', '--tag', 'x:1', '--include', 'a,b', '--change', 'ENV A=1']
  assert.deepEqual(bootstrapArguments('x:1', recipe), want)
  const bare = { from: 'debian:bookworm-slim', include: [], changes: [] }
  assert.deepEqual(bootstrapArguments('debian:bookworm-slim', bare), ['image', 'bootstrap', 'debian:bookworm-slim'])
})
