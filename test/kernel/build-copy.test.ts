/** COPY on real folders: what lands where, with which owner and mode, as BuildKit has it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { copyCase, copyWork, fromContext, makeFiles, type Files } from '../support/copy-case.ts'
import { copyInto, type CopyWork } from '../../src/engine/build/files/copy.ts'
import { openTree } from '../../src/engine/build/files/tree.ts'

const APP: Files = {
  'a.txt': 'a',
  'b.md': 'b',
  run: { text: '#!', mode: 0o755 },
  'src/one.c': '1',
  'src/deep/two.c': { text: '2', mode: 0o600, uid: 1000, gid: 1001 },
  'src/link': '-> one.c',
  'src/out': '-> /etc/passwd',
  'to-src': '-> src',
  'to-a': '-> a.txt',
}

interface Row {
  readonly name: string
  readonly work: Partial<CopyWork> | readonly string[]
  readonly before?: Files
  readonly want: Readonly<Record<string, string>>
}

const D = '755 0:0 /'

const ROWS: readonly Row[] = [
  { name: 'a file to a name', work: ['a.txt', '/x/y'], want: { x: D, 'x/y': '644 0:0 a' } },
  { name: 'a file into a folder that is not there', work: ['a.txt', '/x/'], want: { x: D, 'x/a.txt': '644 0:0 a' } },
  {
    name: 'a file into a folder that is there',
    work: ['a.txt', '/x'],
    before: { 'x/': {} },
    want: { x: D, 'x/a.txt': '644 0:0 a' },
  },
  { name: 'modes of files stay', work: ['run', '/'], want: { run: '755 0:0 #!' } },
  {
    name: 'a folder is its contents; links stay links; owners of a context are root',
    work: ['src', '/x'],
    want: {
      x: D,
      'x/deep': D,
      'x/deep/two.c': '600 0:0 2',
      'x/link': '-> one.c',
      'x/one.c': '644 0:0 1',
      'x/out': '-> /etc/passwd',
    },
  },
  {
    name: 'a source that is a link is what it leads to, under its own name',
    work: ['to-a', '/x/'],
    want: { x: D, 'x/to-a': '644 0:0 a' },
  },
  { name: 'a link to a folder is its contents', work: ['to-src/deep', '/x/'], want: { x: D, 'x/two.c': '600 0:0 2' } },
  { name: 'wildcards', work: ['?.*', '/x/'], want: { x: D, 'x/a.txt': '644 0:0 a', 'x/b.md': '644 0:0 b' } },
  { name: 'wildcards in several parts', work: ['s*/d*/*.c', '/x/'], want: { x: D, 'x/two.c': '600 0:0 2' } },
  { name: 'wildcards that match nothing do nothing', work: ['*.none', '/x/'], want: {} },
  {
    name: 'a folder that a wildcard matches is its contents',
    work: ['src/d*', '/x/'],
    want: { x: D, 'x/two.c': '600 0:0 2' },
  },
  {
    name: 'folders are merged, files replaced, a link in the way too',
    work: ['src/deep', '/x'],
    before: { 'x/two.c': '-> /nowhere', 'x/old': 'old' },
    want: { x: D, 'x/old': '644 0:0 old', 'x/two.c': '600 0:0 2' },
  },
  {
    name: 'a folder that is there gets the mode of the source, the destination itself does not',
    work: ['src', '/x'],
    before: { 'x/': { mode: 0o700 }, 'x/deep/': { mode: 0o711, uid: 5 } },
    want: {
      x: '700 0:0 /',
      'x/deep': D,
      'x/deep/two.c': '600 0:0 2',
      'x/link': '-> one.c',
      'x/one.c': '644 0:0 1',
      'x/out': '-> /etc/passwd',
    },
  },
  {
    name: 'a destination is followed through links within the root',
    work: ['a.txt', '/link/new/'],
    before: { link: '-> /real/../real', 'real/': {} },
    want: { link: '-> /real/../real', real: D, 'real/new': D, 'real/new/a.txt': '644 0:0 a' },
  },
  {
    name: 'a link as the destination is written through',
    work: ['a.txt', '/link'],
    before: { link: '-> real' },
    want: { link: '-> real', real: '644 0:0 a' },
  },
  {
    name: '--chown by numbers, also of folders that are made, and not of those that are there',
    work: { ...fromContext('src/deep'), destination: '/x/y/', chown: '7:8' },
    before: { 'x/': {} },
    want: { x: D, 'x/y': '755 7:8 /', 'x/y/two.c': '600 7:8 2' },
  },
  {
    name: '--chown by names of the state',
    work: { ...fromContext('a.txt'), destination: '/a', chown: 'web:staff' },
    before: { 'etc/passwd': 'root:x:0:0::/:\nweb:x:33:44::/:\n', 'etc/group': 'staff:x:50:\n' },
    want: {
      a: '644 33:50 a',
      etc: D,
      'etc/group': '644 0:0 staff:x:50:\n',
      'etc/passwd': '644 0:0 root:x:0:0::/:\nweb:x:33:44::/:\n',
    },
  },
  {
    name: '--chmod octal, also of folders that are made',
    work: { ...fromContext('src/deep'), destination: '/x/', chmod: { kind: 'octal', mode: 0o2750 } },
    want: { x: '750 0:0 /', 'x/two.c': '2750 0:0 2' },
  },
  {
    name: '--chmod with changes',
    work: { ...fromContext('src'), destination: '/x/', chmod: { kind: 'symbolic', text: 'go-r,u+X,o+w' } },
    want: {
      x: D,
      'x/deep': '713 0:0 /',
      'x/deep/two.c': '602 0:0 2',
      'x/link': '-> one.c',
      'x/one.c': '602 0:0 1',
      'x/out': '-> /etc/passwd',
    },
  },
  {
    name: '--parents',
    work: { ...fromContext('src/deep/two.c', 'a.txt'), destination: '/x/', parents: true },
    want: { x: D, 'x/a.txt': '644 0:0 a', 'x/src': D, 'x/src/deep': D, 'x/src/deep/two.c': '600 0:0 2' },
  },
  {
    name: '--parents from a pivot on',
    work: { ...fromContext('src/./deep/*.c'), destination: '/x/', parents: true },
    want: { x: D, 'x/deep': D, 'x/deep/two.c': '600 0:0 2' },
  },
  {
    name: '--parents with ** and a wildcard that matches nothing',
    work: { ...fromContext('**/*.c', 'none*'), destination: '/x/', parents: true },
    want: { x: D, 'x/src': D, 'x/src/deep': D, 'x/src/deep/two.c': '600 0:0 2', 'x/src/one.c': '644 0:0 1' },
  },
  {
    name: '--exclude goes by paths below the source',
    work: { ...fromContext('src'), destination: '/x/', excludes: ['deep', '*ou*'] },
    want: { x: D, 'x/link': '-> one.c', 'x/one.c': '644 0:0 1' },
  },
  {
    name: '--exclude with an exception',
    work: { ...fromContext('src'), destination: '/x/', excludes: ['*', '!deep/two.c'] },
    want: { x: D, 'x/deep': D, 'x/deep/two.c': '600 0:0 2' },
  },
  {
    name: 'files of the Dockerfile itself',
    work: { sources: [{ kind: 'text', name: 'EOF', content: 'hello\n' }], destination: '/x/' },
    want: { x: D, 'x/EOF': '644 0:0 hello\n' },
  },
  {
    name: 'a file of the Dockerfile with owner and mode, over another file',
    work: {
      sources: [{ kind: 'text', name: 'EOF', content: 'new' }],
      destination: '/f',
      chown: '1',
      chmod: { kind: 'octal', mode: 0o755 },
    },
    before: { f: 'old' },
    want: { f: '755 1:1 new' },
  },
  {
    name: 'all of the context',
    work: ['', '/'],
    want: {
      'a.txt': '644 0:0 a',
      'b.md': '644 0:0 b',
      run: '755 0:0 #!',
      src: D,
      'src/deep': D,
      'src/deep/two.c': '600 0:0 2',
      'src/link': '-> one.c',
      'src/one.c': '644 0:0 1',
      'src/out': '-> /etc/passwd',
      'to-a': '-> a.txt',
      'to-src': '-> src',
    },
  },
]

for (const { name, work, before = {}, want } of ROWS)
  test(`COPY: ${name}`, async (t) => {
    const { copy, listing } = copyCase(t, APP, before)
    await copy(work)
    assert.deepEqual(listing(), want)
  })

test('COPY from a stage keeps owners', async (t) => {
  const { host, base, source, target, listing } = copyCase(t, APP)
  const tree = openTree(host, source)
  await copyInto(base, target, copyWork(['src/deep/two.c', '/two']), () => Promise.resolve(tree))
  tree.close()
  assert.deepEqual(listing(), { two: '600 1000:1001 2' })
})

const ERRORS: readonly (Row & { readonly code: string; readonly message: RegExp })[] = [
  {
    name: 'what is not there',
    work: ['none', '/x/'],
    want: {},
    code: 'COPY_SOURCE_MISSING',
    message: /^"\/none": not found$/,
  },
  {
    name: 'what is not there, with --parents',
    work: { ...fromContext('src/none'), destination: '/x/', parents: true },
    want: {},
    code: 'COPY_SOURCE_MISSING',
    message: /^"\/src\/none": not found$/,
  },
  {
    name: 'a file over a folder',
    work: ['src', '/x'],
    before: { 'x/one.c/keep': 'k' },
    want: {},
    code: 'COPY_OVER_FOLDER',
    message: /cannot replace to directory \/x\/one\.c with file/,
  },
  {
    name: 'a folder over a file',
    work: ['src', '/x'],
    before: { 'x/deep': 'file' },
    want: {},
    code: 'COPY_OVER_FILE',
    message: /cannot copy to non-directory: \/x\/deep/,
  },
  {
    name: 'a folder over a link',
    work: ['src', '/x'],
    before: { 'x/deep': '-> /y', 'y/': {} },
    want: {},
    code: 'COPY_OVER_FILE',
    message: /cannot copy to non-directory: \/x\/deep/,
  },
  {
    name: 'below a file',
    work: ['a.txt', '/x/y'],
    before: { x: 'file' },
    want: {},
    code: 'NOT_A_FOLDER',
    message: /^mkdir \/x: not a directory$/,
  },
]

for (const { name, work, before = {}, code, message } of ERRORS)
  test(`COPY refuses ${name}`, async (t) => {
    const { copy } = copyCase(t, APP, before)
    await assert.rejects(copy(work), { code, message })
  })

test('COPY: names that no file of the state knows are root, and the user hears of it', async (t) => {
  const { copy, listing } = copyCase(t, APP)
  const warnings: string[] = []
  await copy(
    { ...fromContext('a.txt'), destination: '/a', chown: 'nobody:none' },
    { warn: (message) => void warnings.push(message) },
  )
  assert.deepEqual(listing(), { a: '644 0:0 a' })
  assert.deepEqual(
    warnings.map((text) => text.split(' is not')[0]),
    ['the user "nobody"', 'the group "none"'],
  )
})

test('COPY: hard links, holes, attributes, fifos, devices and sockets', async (t) => {
  const { copy, source, target, host } = copyCase(t, { one: 'same' })
  fs.linkSync(join(source, 'one'), join(source, 'two'))
  fs.writeFileSync(join(source, 'hole'), '')
  fs.truncateSync(join(source, 'hole'), 64 * 2 ** 20)
  fs.writeFileSync(join(source, 'cap'), 'x')
  host.xattrs.set(join(source, 'cap'), 'user.note', Buffer.from('hi'))
  execFileSync('mkfifo', [join(source, 'pipe')])
  host.mounts.mknod(join(source, 'null'), 0o020666, 1, 3)
  const server = createServer().listen(join(source, 'sock'))
  await new Promise((resolve) => server.once('listening', resolve))
  await copy(['', '/x/'])
  server.close()
  const at = (name: string): fs.Stats => fs.lstatSync(join(target, 'x', name))
  assert.equal(at('one').ino, at('two').ino)
  assert.equal(at('one').nlink, 2)
  assert.equal(at('hole').size, 64 * 2 ** 20)
  assert.ok(at('hole').blocks < 100, 'the hole became blocks')
  assert.equal(host.xattrs.get(join(target, 'x', 'cap'), 'user.note')?.toString(), 'hi')
  assert.ok(at('pipe').isFIFO())
  assert.ok(at('null').isCharacterDevice())
  assert.ok(at('sock').isFile())
})

test('COPY: times of files stay, those of folders that were only put into too, and made ones are the same each time', async (t) => {
  const { copy, source, target } = copyCase(t, APP, { 'old/': {} })
  const [day, older] = [new Date('2024-05-06T07:08:09.123Z'), new Date('2020-01-01T00:00:00Z')]
  fs.utimesSync(join(source, 'a.txt'), day, day)
  fs.utimesSync(join(target, 'old'), older, older)
  await copy(['a.txt', '/old/new/'])
  const mtime = (path: string): number => fs.statSync(join(target, path)).mtimeMs
  assert.equal(mtime('old'), older.getTime())
  assert.equal(mtime('old/new'), day.getTime())
  assert.equal(mtime('old/new/a.txt'), day.getTime())
  await copy({ ...fromContext('a.txt'), destination: '/old/epoch/', epochSeconds: 1_000_000_000 })
  assert.equal(mtime('old/epoch'), 1_000_000_000_000)
  assert.equal(mtime('old/epoch/a.txt'), day.getTime())
})

test('the checksum of a COPY follows content, names, modes and links, and no times', async (t) => {
  const { checksum, source } = copyCase(t, APP)
  const work = ['src', '/x']
  const first = await checksum(work)
  const changes: readonly [string, () => void, boolean][] = [
    ['a time', () => fs.utimesSync(join(source, 'src/one.c'), 1, 1), false],
    ["an owner (a context is root's)", () => fs.chownSync(join(source, 'src/one.c'), 9, 9), false],
    ['the mode of the folder itself', () => fs.chmodSync(join(source, 'src'), 0o700), false],
    ['a file beside it', () => makeFiles(source, { other: 'o' }), false],
    ['content of the same size', () => fs.writeFileSync(join(source, 'src/one.c'), '9'), true],
    ['a mode', () => fs.chmodSync(join(source, 'src/one.c'), 0o600), true],
    ['the mode of a folder', () => fs.chmodSync(join(source, 'src/deep'), 0o700), true],
    ['a new file', () => makeFiles(source, { 'src/new': '' }), true],
    ['a name', () => fs.renameSync(join(source, 'src/new'), join(source, 'src/newer')), true],
    [
      'a link',
      () => {
        fs.rmSync(join(source, 'src/link'))
        fs.symlinkSync('deep/two.c', join(source, 'src/link'))
      },
      true,
    ],
  ]
  let before = first
  for (const [name, change, differs] of changes) {
    change()
    const after = await checksum(work)
    assert.equal(after !== before, differs, name)
    before = after
  }
})

test('the checksum of wildcards follows the names that match', async (t) => {
  const { checksum, source } = copyCase(t, APP)
  const work = ['*.txt', '/x/']
  const before = await checksum(work)
  fs.renameSync(join(source, 'a.txt'), join(source, 'z.txt'))
  assert.notEqual(await checksum(work), before)
  fs.renameSync(join(source, 'z.txt'), join(source, 'a.txt'))
  assert.equal(await checksum(work), before)
})

test('a long file comes over whole from another kind of file system, with its holes, and can be canceled', async (t) => {
  const { host, target } = copyCase(t, {})
  const from = join(fs.mkdtempSync('/dev/shm/mycompose-long-'), 'from')
  t.after(() => fs.rmSync(dirname(from), { recursive: true }))
  const bytes = Buffer.alloc(20 * 2 ** 20, 'abc')
  fs.writeFileSync(from, bytes)
  fs.truncateSync(from, 40 * 2 ** 20)
  const [source, copy] = [fs.openSync(from, 'r'), fs.openSync(join(target, 'to'), 'w')]
  await host.at.copyLongContent(source, copy, 40 * 2 ** 20)
  const got = fs.readFileSync(join(target, 'to'))
  assert.ok(got.subarray(0, bytes.length).equals(bytes) && got.length === 40 * 2 ** 20 && got.at(-1) === 0)
  assert.ok(fs.statSync(join(target, 'to')).blocks * 512 < 30 * 2 ** 20, 'the hole became blocks')
  await assert.rejects(host.at.copyLongContent(source, copy, 40 * 2 ** 20, AbortSignal.abort()), { code: 'CANCELED' })
  fs.closeSync(source)
  fs.closeSync(copy)
})
