/** The archive is checked with tar(1), not with a reader of our own. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { encodeTar } from '../../../../src/project/translate/tar.ts'
import type { TarFile } from '../../../../src/project/translate/tar.ts'

function file(path: string, content: string, options: Partial<TarFile> = {}): TarFile {
  return { path, content: Buffer.from(content), mode: 0o444, uid: 0, gid: 0, mtimeSeconds: 0, ...options }
}

function list(archive: Buffer): string[] {
  const options = { input: archive, encoding: 'utf8', env: { TZ: 'UTC', LC_ALL: 'C' } } as const
  return execFileSync('/bin/tar', ['--numeric-owner', '-tvf', '-'], options).trimEnd().split('\n')
}

test('tar reads names, sizes, modes, owners', () => {
  const archive = encodeTar([
    file('run/secrets/pw', 'geheim', { mode: 0o440, uid: 70, gid: 71 }),
    file('empty', ''),
    file('block', 'x'.repeat(512)),
  ])
  assert.deepEqual(
    list(archive).map((line) => line.replaceAll(/ +/g, ' ')),
    [
      '-r--r----- 70/71 6 1970-01-01 00:00 run/secrets/pw',
      '-r--r--r-- 0/0 0 1970-01-01 00:00 empty',
      '-r--r--r-- 0/0 512 1970-01-01 00:00 block',
    ],
  )
  assert.equal(archive.length % 512, 0)
})

test('tar reads the content', () => {
  const archive = encodeTar([file('a', 'one'), file('b', 'two\n')])
  assert.equal(execFileSync('/bin/tar', ['-xOf', '-', 'b'], { input: archive, encoding: 'utf8' }), 'two\n')
})

test('long paths are split, too long ones refused', () => {
  const long = `${'d'.repeat(90)}/${'e'.repeat(60)}/${'f'.repeat(90)}`
  assert.match(list(encodeTar([file(long, 'x')]))[0] ?? '', new RegExp(`${long}$`))
  assert.throws(() => encodeTar([file('x'.repeat(101), 'x')]), { code: 'INVALID_REQUEST' })
})

test('owners that do not fit are refused', () => {
  for (const uid of [-1, 1.5, Number.NaN, 2 ** 31]) {
    assert.throws(() => encodeTar([file('a', 'x', { uid })]), { code: 'INVALID_REQUEST' }, String(uid))
  }
})
