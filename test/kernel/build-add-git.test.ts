/** ADD of git repositories on the real kernel: their files, their addresses, and the attacks that come with them. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openSource } from '../../src/engine/build/context/source.ts'
import { createKeyedMutex } from '../../src/engine/locks.ts'
import { copyCase, listingOf, makeFiles, type Files } from '../support/copy-case.ts'
import { withRemotes } from '../support/copy-remotes.ts'
import { commitAll, git, gitDaemon, webServer } from '../support/git-server.ts'

const D = '755 0:0 /'

const gitSource = (url: string, more: object = {}): object => ({
  sources: [{ kind: 'git', url, checksum: undefined, keepGitDir: false, ...more }],
  destination: '/x/',
})

const REPOSITORY: Files = {
  'README.md': 'read',
  'bin/run': { text: '#!', mode: 0o700 },
  'docker/Dockerfile': 'FROM scratch',
  'docker/app/main': 'm',
  'link-out': '-> ../../../../etc',
  'docker/up': '-> ..',
}

test('ADD of a git repository: files with the modes of git, times of the commit, no .git', async (t) => {
  const copying = copyCase(t, {})
  const { copy, checksum, source, target, listing } = copying
  makeFiles(join(source, 'repo'), REPOSITORY)
  const commit = commitAll(join(source, 'repo'))
  const daemon = await gitDaemon(t, source)
  const url = `${daemon}/repo/.git`
  const before = await checksum(gitSource(url), withRemotes(copying))
  await copy(gitSource(url), withRemotes(copying))
  assert.deepEqual(listing(), {
    x: D,
    'x/README.md': '644 0:0 read',
    'x/bin': D,
    'x/bin/run': '755 0:0 #!',
    'x/docker': D,
    'x/docker/Dockerfile': '644 0:0 FROM scratch',
    'x/docker/app': D,
    'x/docker/app/main': '644 0:0 m',
    'x/docker/up': '-> ..',
    'x/link-out': '-> ../../../../etc',
  })
  assert.equal(fs.statSync(join(target, 'x/bin/run')).mtimeMs, Date.parse('2024-01-02T03:04:05Z'))
  fs.rmSync(join(target, 'x'), { recursive: true })
  await copy(gitSource(url, { keepGitDir: true, checksum: commit.slice(0, 12) }), withRemotes(copying))
  assert.equal(git(join(target, 'x'), '-c', 'safe.directory=*', 'rev-parse', 'HEAD'), commit)
  assert.equal(await checksum(gitSource(`${url}#main`), withRemotes(copying)), before)
  makeFiles(join(source, 'repo'), { new: 'n' })
  commitAll(join(source, 'repo'))
  assert.notEqual(await checksum(gitSource(url), withRemotes(copying)), before)
  assert.equal(await checksum(gitSource(`${url}#${commit}`), withRemotes(copying)), before)
  copying.beforeEnd(async () => assert.deepEqual(await fs.promises.readdir(copying.base.config.paths.temporary), []))
})

test('git: branches, tags, commits, a folder, submodules, over the daemon and over plain http', async (t) => {
  const copying = copyCase(t, {})
  const { base, source } = copying
  const repo = join(source, 'repo.git')
  makeFiles(repo, REPOSITORY)
  const first = commitAll(repo)
  git(repo, 'tag', '-a', '-m', 'annotated', 'v1')
  git(repo, 'checkout', '-q', '-b', 'next')
  makeFiles(repo, { later: 'l' })
  const second = commitAll(repo)
  git(repo, 'checkout', '-q', 'main')
  git(repo, 'update-server-info')
  fs.cpSync(join(repo, '.git'), join(source, 'plain.git'), { recursive: true })
  const urls = [`${await gitDaemon(t, source)}/repo.git/.git`, `${(await webServer(t, source)).url}/plain.git`]
  const engine = { ...base, locks: createKeyedMutex(), log: () => {} }
  for (const url of urls)
    for (const [fragment, commit] of [
      ['', first],
      ['#next', second],
      ['#v1', first],
      ['#refs/heads/next', second],
      [`#${second}`, second],
      ['?branch=next&subdir=docker', second],
      ['#v1:docker', first],
    ] as const) {
      const opened = await openSource(engine, { kind: 'git', url: `${url}${fragment}` })
      try {
        assert.equal(opened.commit, commit, `${url}${fragment}`)
        const hasFolder = fragment.includes('docker')
        assert.equal(opened.readText(hasFolder ? 'Dockerfile' : 'docker/Dockerfile'), 'FROM scratch')
        assert.equal(fs.existsSync(join(opened.path, 'README.md')), !hasFolder)
        assert.equal(fs.existsSync(join(opened.path, '.git')), false)
      } finally {
        await opened.close()
      }
    }
  for (const [url, code] of [
    [`${urls[0]}#none`, 'GIT_REF_MISSING'],
    [`${urls[0]}#:none`, 'GIT_FOLDER'],
    [`${urls[0]}?commit=${'0'.repeat(40)}`, 'CHECKSUM_MISMATCH'],
    [`${urls[1]}.git`, 'GIT_FAILED'],
  ] as const)
    await assert.rejects(openSource(engine, { kind: 'git', url }), { code }, url)
  assert.deepEqual(fs.readdirSync(base.config.paths.temporary), [])
})

test('git: a folder that is a link, or reached through one, is refused', async (t) => {
  const { base, source } = copyCase(t, {})
  makeFiles(join(source, 'repo'), { ...REPOSITORY, 'etc-link': '-> /etc', 'd/inner': '-> ../../..', file: 'f' })
  commitAll(join(source, 'repo'))
  const url = `${await gitDaemon(t, source)}/repo/.git`
  const engine = { ...base, locks: createKeyedMutex(), log: () => {} }
  for (const [below, code] of [
    ['etc-link', 'GIT_FOLDER'],
    ['link-out', 'GIT_FOLDER'],
    ['d/inner', 'GIT_FOLDER'],
    ['d/inner/x', 'GIT_FOLDER'],
    ['docker/up', 'GIT_FOLDER'],
    ['file', 'GIT_FOLDER'],
    ['../outside', 'GIT_URL'],
    ['docker/../../x', 'GIT_URL'],
    ['.git', 'GIT_URL'],
    ['.GIT/hooks', 'GIT_URL'],
  ] as const) {
    await assert.rejects(openSource(engine, { kind: 'git', url: `${url}#:${below}` }), { code }, below)
    assert.deepEqual(fs.readdirSync(base.config.paths.temporary), [])
  }
})

test('git: addresses that try options, other transports and programs run nothing', async (t) => {
  const { base, source } = copyCase(t, {})
  const canary = join(source, 'canary')
  makeFiles(join(source, 'repo'), REPOSITORY)
  commitAll(join(source, 'repo'))
  const engine = { ...base, locks: createKeyedMutex(), log: () => {} }
  for (const url of [
    `ext::sh -c "touch ${canary}"`,
    `ext::touch% ${canary}`,
    `file://${source}/repo/.git`,
    `${source}/repo`,
    `--upload-pack=touch ${canary}`,
    `ssh://-oProxyCommand=touch%20${canary}/x.git`,
    `ssh://git@-oProxyCommand=x/x.git`,
    `-oProxyCommand=touch@host:x`,
    `git@-oProxyCommand:x`,
    `git@host:-oProxyCommand`,
    'git://127.0.0.1:1/x#--upload-pack=touch',
    'git://127.0.0.1:1/x#-f',
    'git://127.0.0.1:1/x#a..b',
    'git://127.0.0.1:1/x#+main',
    'git://127.0.0.1:1/x#a b',
    'git://127.0.0.1:1/x?upload-pack=x',
    'git://127.0.0.1:1/x?commit=--help',
  ])
    await assert.rejects(openSource(engine, { kind: 'git', url }), { code: 'GIT_URL' }, url)
  assert.equal(fs.existsSync(canary), false)
})

test('git: submodules come with it, but not from this machine or by programs, and hooks never run', async (t) => {
  const copying = copyCase(t, {})
  const { base, source } = copying
  const daemon = await gitDaemon(t, source)
  const canary = join(source, 'canary')
  makeFiles(join(source, 'inner'), { in: 'i' })
  commitAll(join(source, 'inner'))
  const engine = { ...base, locks: createKeyedMutex(), log: () => {} }
  const withModule = (name: string, url: string): string => {
    const repo = join(source, name)
    makeFiles(repo, {
      a: 'a',
      '.gitmodules': `[submodule "m"]\n\tpath = m\n\turl = ${url}\n\tupdate = !touch ${canary}\n`.replace(
        name === 'good' ? /\tupdate.*\n/ : /$^/,
        '',
      ),
    })
    git(repo, 'init', '-q')
    git(repo, 'update-index', '--add', '--cacheinfo', `160000,${git(join(source, 'inner'), 'rev-parse', 'HEAD')},m`)
    makeFiles(repo, { '.git/hooks/post-checkout': { text: `#!/bin/sh\ntouch ${canary}\n`, mode: 0o755 } })
    git(repo, 'add', 'a', '.gitmodules')
    git(repo, 'commit', '-q', '-m', 'x')
    return `${daemon}/${name}/.git`
  }
  const opened = await openSource(engine, { kind: 'git', url: withModule('good', '../../inner/.git') })
  assert.deepEqual(Object.keys(listingOf(opened.path)), ['.gitmodules', 'a', 'm', 'm/in'])
  await opened.close()
  const without = await openSource(engine, { kind: 'git', url: `${daemon}/good/.git?submodules=false` })
  assert.deepEqual(Object.keys(listingOf(without.path)), ['.gitmodules', 'a', 'm'])
  await without.close()
  for (const [name, url] of [
    ['local', `file://${source}/inner/.git`],
    ['path', `${source}/inner`],
    ['ext', `ext::touch ${canary}`],
    ['option', `-u./touch`],
    ['update', '../../inner/.git'],
  ] as const)
    await openSource(engine, { kind: 'git', url: withModule(name, url) }).then(
      async (source) => {
        assert.ok(!fs.existsSync(join(source.path, 'm/in')) || name === 'update', name)
        await source.close()
      },
      (error: unknown) => assert.equal((error as { code?: string }).code, 'GIT_FAILED', name),
    )
  assert.equal(fs.existsSync(canary), false)
  assert.deepEqual(fs.readdirSync(base.config.paths.temporary), [])
})
