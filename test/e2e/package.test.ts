/** The package as `npm install -g` gives it: packed, installed into a prefix of its own, run from there. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { findNpmCli } from '../../scripts/setup-node.mjs'
import { engineConfig } from '../../src/engine/config.ts'
import { describeResult, runCommand } from '../support/command.ts'
import { describeTraces, findTraces, sweep } from '../support/leaks.ts'
import { tarOf } from '../support/tar-bytes.ts'

const REPOSITORY = join(import.meta.dirname, '../..')

describe('package', () => {
  test('installs globally, and the installed program starts the installed engine', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mycompose-package-'))
    const config = engineConfig(join(folder, 'root'), 'test')
    const path = [join(folder, 'bin'), dirname(process.execPath), process.env['PATH']].join(':')
    const env = { ...(process.env as Record<string, string>), PATH: path, MYCOMPOSE_ROOT: config.paths.root }
    const run = async (argv: readonly string[], cwd = folder): Promise<string> => {
      const result = await runCommand(argv, { cwd, env })
      assert.equal(result.exitCode, 0, describeResult(result))
      return result.stdout
    }
    const npm = [process.execPath, findNpmCli()]
    try {
      await run([...npm, 'pack', '--ignore-scripts', '--pack-destination', folder], REPOSITORY)
      const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'none'
      const options = ['--global', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund']
      await run([...npm, 'install', ...options, join(folder, tarball)])
      const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { version: string }
      assert.match(await run(['mycompose', 'version']), new RegExp(version.replaceAll('.', String.raw`\.`)))
      await run(['mycompose', 'engine', 'start'])
      assert.match(await run(['mycompose', 'engine', 'status']), /running/i)
      // unpacked by the engine's threads, which have a script of their own in the package
      writeFileSync(join(folder, 'image.tar'), tarOf({ path: 'file', content: 'x' }))
      await run(['mycompose', 'image', 'import', join(folder, 'image.tar'), 'packed:1'])
      await run(['mycompose', 'engine', 'stop'])
      assert.deepEqual(describeTraces(await findTraces(config)), [])
    } finally {
      await sweep(config)
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
