/** A start that was cut short between the byte into exec.fifo and the file's removal: the next engine must not wait. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { engineConfig } from '../../src/engine/config.ts'
import { createCrun } from '../../src/engine/runtime/crun.ts'
import { createNodeHost } from '../../src/host/node-host.ts'

test('resume: nobody reads exec.fifo any more', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'mycompose-resume-'))
  const config = engineConfig(root, 'test')
  t.after(() => {
    rmSync(root, { recursive: true })
    rmSync(config.paths.run, { recursive: true, force: true })
  })
  const folder = join(config.paths.runtime, 'crun', 'c1')
  mkdirSync(folder, { recursive: true })
  execFileSync('mkfifo', [join(folder, 'exec.fifo')])
  const layout = { kind: 'v2', trees: new Map(), leftOnV2: [] } as const
  const crun = createCrun(createNodeHost(), config, layout, '/usr/bin/crun')
  assert.equal(crun.isWaiting('c1'), true)
  await crun.resume('c1')
  assert.equal(crun.isWaiting('c1'), false)
  assert.equal(existsSync(folder), true)
})
