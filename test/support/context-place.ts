/** A build context in a folder of its own, and an empty target to copy it to. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { BuildSource } from '../../src/api/types/build.ts'
import { openSource, type OpenSource, type OpenSourceOptions } from '../../src/engine/build/context/source.ts'
import { copyInto } from '../../src/engine/build/files/copy.ts'
import { engineConfig } from '../../src/engine/config.ts'
import { createKeyedMutex } from '../../src/engine/locks.ts'
import type { Host } from '../../src/host/host.ts'
import { createNodeHost } from '../../src/host/node-host.ts'
import { copyWork, listingOf, makeFiles, type Files } from './copy-case.ts'

export interface Place {
  /** Done at the end, before the folders go. */
  readonly last: (() => Promise<void>)[]
  readonly folder: string
  readonly context: string
  readonly target: string
  readonly base: Parameters<typeof openSource>[0]
  readonly open: (source?: BuildSource, options?: OpenSourceOptions) => Promise<OpenSource>
  /** Copies all of the context to the empty target and lists it. */
  readonly copyAll: (source?: BuildSource, options?: OpenSourceOptions) => Promise<Record<string, string>>
}

export function place(
  t: Pick<TestContext, 'after'>,
  files: Files,
  change: (host: Host) => Host = (own) => own,
  parent: string = tmpdir(),
): Place {
  const folder = fs.mkdtempSync(join(parent, 'mycompose-context-'))
  const last: (() => Promise<void>)[] = []
  t.after(async () => {
    for (const work of last) await work()
    fs.rmSync(folder, { recursive: true, force: true })
  })
  const [context, target] = [join(folder, 'context'), join(folder, 'target')]
  for (const path of [context, target]) fs.mkdirSync(path)
  makeFiles(context, files)
  const base = {
    host: change(createNodeHost()),
    config: engineConfig(join(folder, 'root'), 'test'),
    log: () => {},
    locks: createKeyedMutex(),
  }
  fs.mkdirSync(base.config.paths.temporary, { recursive: true })
  const open: Place['open'] = async (source = { kind: 'directory', path: context }, options = {}) => {
    const open = await openSource(base, source, options)
    // later it would write its digests into a folder that is gone
    last.push(() => open.close())
    return open
  }
  return {
    last,
    folder,
    context,
    target,
    base,
    open,
    async copyAll(source, options) {
      const opened = await open(source, options)
      try {
        await copyInto(base, target, copyWork(['', '/']), () => Promise.resolve(opened.tree))
      } finally {
        await opened.close()
      }
      assert.deepEqual(fs.readdirSync(base.config.paths.temporary), [])
      return listingOf(target)
    },
  }
}
