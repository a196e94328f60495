/** Files that the CLI puts into containers, when a container has prepared links in a volume that outlives it (CVE-2025-9566). */
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { composeFile, idle } from '../support/compose.ts'
import { useEngine } from '../support/engine.ts'

describe('links in a volume where secrets and configs go', () => {
  const engine = useEngine()

  for (const { name, script } of [
    { name: 'in the place of the file', script: 'rm /own/deep/app.conf; ln -s CANARY/file /own/deep/app.conf' },
    { name: 'in the place of its folder', script: 'rm -r /own/deep; ln -s CANARY /own/deep' },
    { name: 'upwards', script: 'rm -r /own/deep; ln -s ../../../../../../../../../..CANARY /own/deep' },
  ])
    test(`a link ${name} leads nowhere on the host when the container is made anew`, async () => {
      const service = idle({
        volumes: ['own:/own'],
        configs: [{ source: 'text', target: '/own/deep/app.conf' }],
        secrets: [{ source: 'token', target: '/own/deep/token' }],
      })
      const topLevel = {
        volumes: { own: {} },
        configs: { text: { content: 'overwritten\n' } },
        secrets: { token: { environment: 'TOKEN' } },
      }
      const files = { ...composeFile('links', { a: service }, topLevel), 'canary/file': 'as it was\n' }
      await using project = engine.project(files, { env: { TOKEN: 'hush' } })
      const canary = join(project.folder, 'canary')
      await project.ok('up', '-d')
      assert.equal(await project.ok('exec', '-T', 'a', 'cat', '/own/deep/app.conf'), 'overwritten\n')
      await project.ok(
        'exec',
        '-T',
        'a',
        'sh',
        '-c',
        script.replaceAll('CANARY', () => canary),
      )
      await project.run('up', '-d', '--force-recreate', '-t', '0') // may refuse, may replace the link
      assert.deepEqual(readdirSync(canary), ['file'])
      assert.equal(readFileSync(join(canary, 'file'), 'utf8'), 'as it was\n')
    })
})
