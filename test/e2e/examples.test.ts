/** Each folder of examples/ as its README says it: made images, up --wait, what a user then sees. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { bootstrapArguments, readRecipes } from '../../scripts/setup-images.mjs'
import { freePort, httpText } from '../support/compose.ts'
import { useEngine } from '../support/engine.ts'
import { until } from '../support/poll.ts'

const REPOSITORY = join(import.meta.dirname, '../..')
const BOOTSTRAP_TIMEOUT_MS = 300_000

interface Shop {
  readonly server: string
  readonly visits: number
  readonly books: readonly { readonly title: string; readonly author: string; readonly year: number }[]
}

describe('examples', () => {
  const engine = useEngine({ busybox: false })
  const example = (name: string, env: Readonly<Record<string, string>> = {}) =>
    engine.project({}, { folder: join(REPOSITORY, 'examples', name), env })

  before(async () => {
    // what they name, and what their Dockerfiles are built on; no registry is reached here
    const recipes = Object.entries(readRecipes(REPOSITORY)).filter(([, { registry }]) => registry === true)
    for (const [name, recipe] of recipes)
      await engine.ok(bootstrapArguments(name, recipe), { timeoutMs: BOOTSTRAP_TIMEOUT_MS })
  })

  test('web-postgres answers with rows from PostgreSQL, and keeps them over down and up', async () => {
    const port = await freePort()
    await using project = example('web-postgres', { WEB_PORT: String(port) })
    await project.ok('up', '-d', '--wait')
    // --wait has returned: no polling from here on
    const first = JSON.parse(await httpText(`http://127.0.0.1:${port}/books.json`)) as Shop
    assert.match(first.server, /^PostgreSQL 15/)
    assert.equal(first.visits, 1)
    assert.deepEqual(
      first.books.map(({ year }) => year),
      [1975, 1978, 1985, 1999],
    )
    assert.match(await httpText(`http://127.0.0.1:${port}/`), /<td>1978<\/td>/)
    const sql = 'SELECT count(*) FROM visits'
    assert.equal(await project.ok('exec', '-T', 'db', 'psql', '-U', 'shop', '-Atc', sql), '2\n')
    assert.match(await project.ok('ps'), /web-postgres-db-1.*\(healthy\)/)
    await project.ok('down')
    await project.ok('up', '-d', '--wait')
    const second = JSON.parse(await httpText(`http://127.0.0.1:${port}/books.json`)) as Shop
    assert.equal(second.visits, 3)
  })

  test('replicas-nginx spreads requests over the replicas, and over new ones', async () => {
    const port = await freePort()
    await using project = example('replicas-nginx', { PROXY_PORT: String(port) })
    await project.ok('up', '-d', '--wait')
    const answered = new Set<string>()
    const seen = async (): Promise<number> => answered.add(await httpText(`http://127.0.0.1:${port}/`)).size
    await until(async () => (await seen()) === 3, { what: 'answers of three replicas' })
    await project.ok('up', '-d', '--scale', 'app=4')
    await until(async () => (await seen()) === 4, { what: 'answers of four replicas' })
  })

  test('migration runs before the application, and a second time finds nothing to do', async () => {
    await using project = example('migration')
    await project.ok('up', '-d', '--wait')
    await until(async () => /accounts: ada, grace/.test(await project.ok('logs', 'app')), { what: 'the report of app' })
    assert.match(await project.ok('logs', 'migrate'), /001-accounts: applied$[^]*002-first-accounts: applied$/m)
    await project.ok('up', '-d', '--wait')
    assert.match(await project.ok('logs', 'migrate'), /001-accounts: applied before$/m)
  })
})
