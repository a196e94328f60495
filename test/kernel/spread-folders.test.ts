/** The hint that folders are unrelated: ext4 has it afterwards, other file systems go on as ever. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createNodeHost } from '../../src/host/node-host.ts'

const typeOf = (path: string): string => execFileSync('stat', ['-f', '-c', '%T', path], { encoding: 'utf8' }).trim()

test('a folder is marked once, and its other flags stay', (t) => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'mycompose-spread-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  if (!typeOf(folder).startsWith('ext')) return t.skip(`${tmpdir()} is no ext4`)
  const flags = (): string => execFileSync('lsattr', ['-d', folder], { encoding: 'utf8' }).split(' ')[0] ?? ''
  execFileSync('chattr', ['+d', folder])
  const before = flags()
  const { at } = createNodeHost()
  at.spreadFolders(folder)
  assert.ok(!before.includes('T') && flags().includes('T'))
  assert.equal(flags().replace('T', '-'), before)
  at.spreadFolders(folder)
  assert.ok(flags().includes('T'))
})

test('a file system without such flags is left alone', (t) => {
  const folder = fs.mkdtempSync('/dev/shm/mycompose-spread-')
  t.after(() => fs.rmSync(folder, { recursive: true }))
  assert.equal(typeOf(folder), 'tmpfs')
  createNodeHost().at.spreadFolders(folder)
})
