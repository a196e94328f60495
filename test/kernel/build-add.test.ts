/** ADD: archives by their content, and addresses; git repositories: build-add-git.test.ts. Attacks of engine.md section 6 row 31. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openSource } from '../../src/engine/build/context/source.ts'
import { createKeyedMutex } from '../../src/engine/locks.ts'
import { copyCase, fromContext, listingOf, makeFiles, type Files } from '../support/copy-case.ts'
import { withRemotes } from '../support/copy-remotes.ts'
import { webServer } from '../support/git-server.ts'
import { folder, symlink, tarOf } from '../support/tar-bytes.ts'

const D = '755 0:0 /'

function tarFile(at: string, flags: readonly string[], files: Files): void {
  const from = `${at}.files`
  fs.mkdirSync(from)
  makeFiles(from, files)
  execFileSync('tar', [...flags, '-cf', at, '-C', from, '.'])
  fs.rmSync(from, { recursive: true })
}

for (const [name, flags] of [
  ['plain', []],
  ['gzip', ['-z']],
  ['bzip2', ['-j']],
  ['xz', ['-J']],
  ['zstd', ['--zstd']],
] as const)
  test(`ADD unpacks an archive, whatever it is called: ${name}`, async (t) => {
    const { copy, source, listing } = copyCase(t, {})
    tarFile(join(source, 'notes.txt'), flags, {
      a: { text: 'a', uid: 3, gid: 4, mode: 0o640 },
      'd/b': 'b',
      l: '-> d/b',
    })
    await copy({ ...fromContext('notes.txt'), destination: '/x', unpacksArchives: true })
    assert.deepEqual(listing(), { x: D, 'x/a': '640 3:4 a', 'x/d': D, 'x/d/b': '644 0:0 b', 'x/l': '-> d/b' })
  })

test('ADD leaves alone what only looks like an archive, COPY and --unpack=false all', async (t) => {
  const { copy, source, listing } = copyCase(t, { 'fake.tar': 'no tar at all', short: '' })
  fs.writeFileSync(join(source, 'text.gz'), gzipSync('just text'))
  fs.writeFileSync(join(source, 'zeros.tar'), Buffer.alloc(1024))
  tarFile(join(source, 'real.tar'), [], { a: 'a' })
  await copy({ ...fromContext('fake.tar', 'short', 'text.gz', 'zeros.tar'), destination: '/x/', unpacksArchives: true })
  await copy(['real.tar', '/y/'])
  assert.deepEqual(Object.keys(listing()), [
    'x',
    'x/fake.tar',
    'x/short',
    'x/text.gz',
    'x/zeros.tar',
    'y',
    'y/real.tar',
  ])
})

test('ADD of an archive: --chown for all, folders merged, files replaced, times kept', async (t) => {
  const { copy, source, target, listing } = copyCase(t, {}, { 'x/d/old': 'old', 'x/a': '-> /etc/passwd', 'x/f/': {} })
  const older = new Date('2020-01-01T00:00:00Z')
  fs.utimesSync(join(target, 'x'), older, older)
  const entries = [
    { path: 'a', content: 'new', uid: 9 },
    folder('d/', { mode: 0o750, uid: 9 }),
    { path: 'd/b', content: 'b' },
    { path: 'f', content: 'file' },
    { path: 'implied/c', content: 'c' },
  ]
  fs.writeFileSync(join(source, 'x.tar'), tarOf(...entries))
  await copy({ ...fromContext('x.tar'), destination: '/x', unpacksArchives: true, chown: '5:6' })
  assert.deepEqual(listing(), {
    x: D,
    'x/a': '644 5:6 new',
    'x/d': '750 5:6 /',
    'x/d/b': '644 5:6 b',
    'x/d/old': '644 0:0 old',
    'x/f': '644 5:6 file',
    'x/implied': '755 5:6 /',
    'x/implied/c': '644 5:6 c',
  })
  const mtime = (path: string): number => fs.lstatSync(join(target, path)).mtimeMs
  assert.deepEqual([mtime('x'), mtime('x/d'), mtime('x/a')], [older.getTime(), 1_700_000_000_000, 1_700_000_000_000])
})

test('ADD of hostile archives writes nowhere else', async (t) => {
  const attacks: readonly (readonly [string, Buffer])[] = [
    ['parent', tarOf({ path: '../../canary', content: 'x' })],
    ['link then file', tarOf(symlink('l', '../../..'), { path: 'l/canary', content: 'x' })],
    ['absolute link then file', tarOf(symlink('l', '/'), { path: 'l/canary', content: 'x' })],
    ['link of the state', tarOf({ path: 'out/canary', content: 'x' })],
    ['hard link out', tarOf({ path: 'h', kind: 'hardlink', target: '../../canary' })],
    ['absolute', tarOf({ path: '/canary', content: 'x' })],
  ]
  for (const [name, tar] of attacks) {
    const { copy, source, target } = copyCase(t, { canary: 'host' }, { 'x/out': '-> ../../source' })
    fs.writeFileSync(join(source, 'x.tar'), tar)
    const before = listingOf(source)
    await copy({ ...fromContext('x.tar'), destination: '/x/', unpacksArchives: true }).catch((error: unknown) => {
      assert.ok(
        ['TAR_INVALID', 'NOT_A_FOLDER'].includes((error as { code?: string }).code ?? ''),
        `${name}: ${String(error)}`,
      )
    })
    assert.deepEqual(listingOf(source), before, name)
    const above = fs.readdirSync(join(target, '..')).toSorted()
    assert.deepEqual(above, ['root', 'source', 'target'], name)
    assert.ok(!fs.existsSync(join(target, 'canary')), `${name} got out of the destination`)
  }
})

const http = (url: string, more: object = {}): object => ({
  sources: [{ kind: 'http', url, checksum: undefined, unpack: false, ...more }],
  destination: '/x/',
})

test('ADD of an address: mode, time, name, owner; unpacked only when it is asked', async (t) => {
  const copying = copyCase(t, {})
  const { copy, source, target, listing, beforeEnd } = copying
  const web = await webServer(t, source)
  web.answer = (_, response) => {
    response.setHeader('last-modified', 'Wed, 21 Oct 2015 07:28:00 GMT')
    return false
  }
  tarFile(join(source, 'app.tar.gz'), ['-z'], { a: 'a' })
  await copy(http(`${web.url}/app.tar.gz?v=1`), withRemotes(copying))
  assert.equal(fs.statSync(join(target, 'x/app.tar.gz')).mode & 0o7777, 0o600)
  assert.equal(fs.statSync(join(target, 'x/app.tar.gz')).mtimeMs, Date.parse('2015-10-21T07:28:00Z'))
  await copy(
    { ...http(`${web.url}/app.tar.gz`, { unpack: true }), destination: '/y', chown: '7' },
    withRemotes(copying),
  )
  assert.deepEqual(Object.keys(listing()), ['x', 'x/app.tar.gz', 'y', 'y/a'])
  assert.equal(fs.statSync(join(target, 'y/a')).uid, 7)
  beforeEnd(async () => assert.deepEqual(await fs.promises.readdir(copying.base.config.paths.temporary), []))
})

test('ADD of an address is asked anew each build and fetched only when it changed', async (t) => {
  const copying = copyCase(t, { f: 'one' })
  const { checksum, source } = copying
  const web = await webServer(t, source)
  web.answer = (request, response) => {
    const etag = `"${createHash('sha1')
      .update(fs.readFileSync(join(source, 'f')))
      .digest('hex')}"`
    response.setHeader('etag', etag)
    if (request.headers['if-none-match'] !== etag) return false
    response.writeHead(304).end()
    return true
  }
  const sum = async (): Promise<string> => checksum(http(`${web.url}/f`), withRemotes(copying))
  const first = await sum()
  assert.equal(await sum(), first)
  assert.deepEqual(web.requests.splice(0), ['GET /f', 'HEAD /f'])
  fs.writeFileSync(join(source, 'f'), 'two')
  assert.notEqual(await sum(), first)
  assert.deepEqual(web.requests.splice(0), ['HEAD /f', 'GET /f'])
})

test('ADD --checksum: what is pinned is fetched once, and another content is an error', async (t) => {
  const copying = copyCase(t, { f: 'one' })
  const { copy, source } = copying
  const web = await webServer(t, source)
  const checksum = `sha256:${createHash('sha256').update('one').digest('hex')}`
  await copy(http(`${web.url}/f`, { checksum }), withRemotes(copying))
  await copy(http(`${web.url}/f`, { checksum }), withRemotes(copying))
  assert.deepEqual(web.requests, ['GET /f'])
  const other = `sha512:${'0'.repeat(128)}`
  await assert.rejects(copy(http(`${web.url}/f`, { checksum: other }), withRemotes(copying)), {
    code: 'CHECKSUM_MISMATCH',
    message: /digest mismatch .*expected: sha512:000/,
  })
  await assert.rejects(copy(http(`${web.url}/f`, { checksum: 'md5:0' }), withRemotes(copying)), {
    code: 'CHECKSUM_INVALID',
  })
  await assert.rejects(copy(http(`${web.url}/none`), withRemotes(copying)), {
    code: 'HTTP_SOURCE',
    message: /invalid response status 404/,
  })
})

test('ADD of an address: a secret goes to its own host, a redirect to another gets none and cannot leave http', async (t) => {
  const copying = copyCase(t, { f: 'one' })
  const { copy, source } = copying
  const [first, second] = [await webServer(t, source), await webServer(t, source)]
  const seen: string[] = []
  first.answer = (request, response) => {
    seen.push(`first ${request.headers.authorization ?? 'none'}`)
    const away = request.url === '/file' ? 'file:///etc/passwd' : `${second.url}/f`
    response.writeHead(302, { location: away }).end()
    return true
  }
  second.answer = (request) => {
    seen.push(`second ${request.headers.authorization ?? 'none'}`)
    return false
  }
  const secrets = { [`HTTP_AUTH_TOKEN_${new URL(first.url).host}`]: 'tok' }
  await copy(http(`${first.url}/f`), withRemotes(copying, secrets))
  assert.deepEqual(seen, ['first Bearer tok', 'second none'])
  await assert.rejects(copy(http(`${first.url}/file`), withRemotes(copying)), { code: 'HTTP_SOURCE' })
})

test('an address as the context: a tar is its files, anything else a Dockerfile', async (t) => {
  const { base, source } = copyCase(t, { 'only.txt': 'FROM scratch' })
  const web = await webServer(t, source)
  tarFile(join(source, 'c.tgz'), ['-z'], { Dockerfile: 'FROM a', 'd/x': 'x' })
  const engine = { ...base, locks: createKeyedMutex(), log: () => {} }
  for (const [name, text, files] of [
    ['only.txt', 'FROM scratch', ['Dockerfile']],
    ['c.tgz', 'FROM a', ['Dockerfile', 'd', 'd/x']],
  ] as const) {
    const opened = await openSource(engine, { kind: 'http', url: `${web.url}/${name}` })
    assert.equal(opened.readText('Dockerfile'), text)
    assert.deepEqual(Object.keys(listingOf(opened.path)), files)
    await opened.close()
  }
  assert.deepEqual(fs.readdirSync(base.config.paths.temporary), [])
})
