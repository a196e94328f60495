/**
 * The conformance table (test/build/): small Dockerfiles, one per behaviour, with the files, configuration and history that must
 * come of them, on one engine.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { BuildSource } from '../../src/api/types/build.ts'
import type { BuildCase } from '../build/build-case.ts'
import { judge, type Listing, type Outcome } from '../build/judge.ts'
import { TABLE } from '../build/table.ts'
import { listingOf, makeFiles, type Files } from '../support/copy-case.ts'
import { openBuilder, type Builder } from './build-support.ts'

describe('conformance', () => {
  let builder: Builder
  let busybox: Listing
  const undo: (() => Promise<void>)[] = []
  before(async () => {
    builder = await openBuilder({ after: (work) => void undo.push(work as () => Promise<void>) })
    busybox = await listing('busybox')
  })
  after(async () => {
    for (const work of undo) await work()
  })

  async function listing(reference: string): Promise<Listing> {
    const { images, layers } = builder.engine.context
    const { chainIds } = await images.resolve(reference)
    return await layers.withImageMounted(chainIds, async (path) => listingOf(path))
  }

  function folderOf(files: Files = {}, prepare?: (context: string) => void): string {
    const path = builder.folder()
    makeFiles(path, files)
    prepare?.(path)
    return path
  }

  function contextsOf({ contexts }: BuildCase): { additionalContexts?: Record<string, BuildSource> } {
    if (contexts === undefined) return {}
    const sources = Object.entries(contexts).map(([name, files]): [string, BuildSource] => [
      name,
      { kind: 'directory', path: folderOf(files) },
    ])
    return { additionalContexts: Object.fromEntries(sources) }
  }

  async function outcomeOf(row: BuildCase): Promise<Outcome> {
    const { base } = row
    if (base !== undefined) await builder.image(base.dockerfile, { request: { tags: [base.tag] } })
    const { result, error } = await builder.build(row.dockerfile, {
      context: folderOf(row.files, row.prepare),
      request: { ...row.request, ...contextsOf(row) },
    })
    const id = result?.imageId
    if (id === undefined) {
      const line = error?.source?.range.line
      const message = error?.message ?? 'no result and no error'
      return { kind: 'failed', code: error?.code ?? '', message, ...(line === undefined ? {} : { line }) }
    }
    const { config } = await builder.engine.context.images.resolve(id)
    return { kind: 'built', files: await listing(id), config: { ...config.config }, history: config.history }
  }

  for (const [title, rows] of Object.entries(TABLE)) {
    describe(title, { concurrency: 4 }, () => {
      for (const row of rows) {
        it(row.name, async () => assert.deepEqual(judge(row, await outcomeOf(row), busybox), []))
      }
    })
  }

  it('has at least 150 rows, each with a name of its own', () => {
    const names = Object.values(TABLE).flatMap((rows) => rows.map(({ name }) => name))
    assert.equal(new Set(names).size, names.length)
    assert.ok(names.length >= 150, `${names.length} rows`)
  })
})
