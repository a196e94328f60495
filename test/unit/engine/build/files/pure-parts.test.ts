/** The pure parts of COPY: modes, owners, paths and links, wildcards. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasWildcards } from '../../../../../src/engine/build/files/glob.ts'
import { applyMode } from '../../../../../src/engine/build/files/mode.ts'
import { resolveOwner } from '../../../../../src/engine/build/files/owner.ts'
import { bytesOf, cleanPath, followLinks, shownPath, textOf } from '../../../../../src/engine/build/files/paths.ts'

describe('applyMode', () => {
  const rows: readonly (readonly [text: string, mode: number, isFolder: boolean, want: number])[] = [
    ['u+x', 0o644, false, 0o744],
    ['+x', 0o644, false, 0o755],
    ['go-rwx', 0o755, false, 0o700],
    ['a=r', 0o4755, false, 0o444],
    ['u=rw,g=r,o=', 0o777, false, 0o640],
    ['+X', 0o644, false, 0o644],
    ['+X', 0o744, false, 0o755],
    ['+X', 0o600, true, 0o711],
    ['-X', 0o755, false, 0o644],
    ['u+x,+X', 0o644, false, 0o744],
    ['g=u', 0o640, false, 0o660],
    ['o+u', 0o750, false, 0o757],
    ['u+s,g+s', 0o755, false, 0o6755],
    ['o+s', 0o755, false, 0o755],
    ['+t', 0o777, true, 0o1777],
    ['o+t', 0o777, true, 0o777],
    ['u-w+x', 0o644, false, 0o544],
    ['g-s', 0o2755, true, 0o755],
  ]
  for (const [text, mode, isFolder, want] of rows)
    it(`${text} on ${mode.toString(8)}${isFolder ? ' (folder)' : ''}`, () => {
      const got = applyMode({ kind: 'symbolic', text }, mode, isFolder)
      assert.equal(got.toString(8), want.toString(8))
    })

  it('octal replaces all', () => assert.equal(applyMode({ kind: 'octal', mode: 0o4711 }, 0o600, false), 0o4711))
  for (const text of ['', 'u', 'z+x', 'u+q', 'u+x,', '+x g'])
    it(`refuses ${JSON.stringify(text)}`, () =>
      assert.throws(() => applyMode({ kind: 'symbolic', text }, 0o644, false), { code: 'INVALID_REQUEST' }))
})

describe('resolveOwner', () => {
  const files = {
    passwd: 'root:x:0:0:root:/root:/bin/sh\nweb:x:33:44::/srv:\n',
    group: 'root:x:0:\nstaff:x:50:web\n',
  }
  const rows: readonly (readonly [spec: string, uid: number, gid: number, warnings: number])[] = [
    ['web', 33, 44, 0],
    ['web:staff', 33, 50, 0],
    ['web:7', 33, 7, 0],
    ['1000', 1000, 1000, 0],
    ['1000:staff', 1000, 50, 0],
    ['1000:7', 1000, 7, 0],
    ['root', 0, 0, 0],
    ['none', 0, 0, 1],
    ['web:none', 33, 44, 1],
    [':staff', 0, 50, 0],
    ['root:root', 0, 0, 0],
  ]
  for (const [spec, uid, gid, warnings] of rows)
    it(spec, () => {
      const heard: string[] = []
      assert.deepEqual(
        resolveOwner(
          spec,
          () => files,
          (message) => void heard.push(message),
        ),
        { uid, gid },
      )
      assert.equal(heard.length, warnings)
    })

  it('asks for no file when there are numbers only', () => {
    const never = (): never => {
      throw new Error('read')
    }
    assert.deepEqual(resolveOwner('5:6', never, never), { uid: 5, gid: 6 })
  })
  for (const spec of ['-1', '2147483648', '0:4294967296'])
    it(`refuses ${spec}`, () =>
      assert.throws(
        () =>
          resolveOwner(
            spec,
            () => files,
            () => {},
          ),
        { code: 'INVALID_REQUEST' },
      ))
})

describe('paths', () => {
  it('cleans', () => {
    assert.equal(cleanPath('/a//./b/../c/'), 'a/c')
    assert.equal(cleanPath('../../etc'), 'etc')
    assert.equal(cleanPath('.'), '')
  })

  it('takes UTF-8 to bytes and back, and shows no control characters', () => {
    assert.equal(textOf(bytesOf('zürich/日本')), 'zürich/日本')
    assert.equal(bytesOf('ü').length, 2)
    assert.equal(shownPath('a\u001b[31m'), '/a?[31m')
  })

  it('follows links and never leaves the root', () => {
    const links: Readonly<Record<string, string>> = {
      up: '../../../..',
      abs: '/x/y',
      'x/y': 'z',
      loop: 'loop/a',
      'd/rel': '../abs/./k',
    }
    const follow = (path: string): string => followLinks(path, (prefix) => links[prefix])
    assert.equal(follow('up/etc/passwd'), 'etc/passwd')
    assert.equal(follow('abs/f'), 'x/z/f')
    assert.equal(follow('d/rel'), 'x/z/k')
    assert.equal(follow('missing/../other/'), 'other')
    assert.equal(follow(''), '')
    assert.throws(() => follow('loop'), { code: 'PATH_LOOP' })
  })

  it('knows wildcards', () => {
    assert.deepEqual(
      ['a*', 'a?', '[a', '\\*a', 'a\\[b', 'plain'].map((pattern) => hasWildcards(pattern)),
      [true, true, true, false, false, false],
    )
  })
})
