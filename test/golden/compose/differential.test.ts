/**
 * docker compose's `config` beside ours, where its program is installed; and the table of the differences that are
 * meant. By hand, with more files: node scripts/compare-config.ts FOLDER
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { compareFixture, describeOutcome, findDockerCompose, findFixtures } from '../../../scripts/compare-config.ts'
import { explanationIds } from '../../../scripts/compare-differences.ts'

const binary = findDockerCompose()

test(
  'config says the same as docker compose for every fixture',
  { skip: binary === undefined ? 'no docker compose program is installed: set DOCKER_COMPOSE to its path' : false },
  async () => {
    const lines: string[] = []
    for (const fixture of findFixtures())
      lines.push(...describeOutcome(fixture, await compareFixture(binary ?? '', fixture)))
    assert.deepEqual(lines, [])
  },
)

test('each difference that is meant has its row in the README', () => {
  const readme = readFileSync(new URL('../../../src/compose/README.md', import.meta.url), 'utf8')
  const table = readme.slice(readme.indexOf('## Beside docker compose'))
  const rows = [...table.matchAll(/^\| ([a-z][a-z_-]+) +\|/gm)].flatMap((row) => row[1] ?? [])
  assert.deepEqual(new Set(rows), new Set(['id', ...explanationIds()]))
})
