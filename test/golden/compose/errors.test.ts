/**
 * What a user sees for each broken file of test/fixtures/broken: the printed problems, as text to be reviewed.
 * After a change of words: node --test --test-update-snapshots test/golden/compose/errors.test.ts
 */
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { formatProblems } from '../../../src/compose/format-problems.ts'
import { problemsOf } from '../../unit/compose/support.ts'

const FIXTURES = new URL('../../fixtures/broken/', import.meta.url)
const SNAPSHOTS = new URL('errors/', import.meta.url)

for (const file of readdirSync(FIXTURES).toSorted()) {
  const name = file.replace(/\.yaml$/, '')
  test(`the problems of ${name}`, async (t) => {
    const problems = await problemsOf(readFileSync(new URL(file, FIXTURES), 'utf8'))
    t.assert.fileSnapshot(formatProblems(problems), new URL(`${name}.txt`, SNAPSHOTS).pathname, {
      serializers: [(text: string) => text],
    })
  })
}
