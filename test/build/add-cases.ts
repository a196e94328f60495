/** ADD: what COPY does, archives, and what is no archive. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BuildCase, file, folder, lines } from './build-case.ts'

const D = folder()
const a = file('a')

/** An archive of a file "a" and a folder "d" with "b" in it, owned by 7:8. */
function archive(name: string, ...options: readonly string[]): (context: string) => void {
  return (context) => {
    const from = mkdtempSync(`${context}-archive-`)
    try {
      mkdirSync(join(from, 'd'))
      writeFileSync(join(from, 'a'), 'a')
      writeFileSync(join(from, 'd/b'), 'b')
      execFileSync('tar', ['-C', from, ...options, '--owner=7', '--group=8', '-cf', join(context, 'made'), 'a', 'd'])
      renameSync(join(context, 'made'), join(context, name))
    } finally {
      rmSync(from, { recursive: true })
    }
  }
}

const UNPACKED = { a: file('a', '644', '7:8'), d: folder('755', '7:8'), 'd/b': file('b', '644', '7:8') }
const below = (path: string): Readonly<Record<string, string>> =>
  Object.fromEntries([[path, D], ...Object.entries(UNPACKED).map(([name, what]) => [`${path}/${name}`, what])])

export const addCases: readonly BuildCase[] = [
  { name: 'add a file', files: { a: 'a' }, dockerfile: lines('FROM scratch', 'ADD a /n/'), tree: { n: D, 'n/a': a } },
  { name: 'add a folder', files: { 'd/a': 'a' }, dockerfile: lines('FROM scratch', 'ADD d /'), tree: { a } },
  {
    name: 'add a tar unpacks it',
    prepare: archive('x.tar'),
    dockerfile: lines('FROM scratch', 'ADD x.tar /'),
    tree: UNPACKED,
  },
  {
    name: 'add a tar.gz unpacks it',
    prepare: archive('x.tar.gz', '-z'),
    dockerfile: lines('FROM scratch', 'ADD x.tar.gz /n/'),
    tree: below('n'),
  },
  {
    name: 'add a tar.bz2 unpacks it',
    prepare: archive('x.tar.bz2', '-j'),
    dockerfile: lines('FROM scratch', 'ADD x.tar.bz2 /n'),
    tree: below('n'),
  },
  {
    name: 'add a tar.xz unpacks it',
    prepare: archive('x.tar.xz', '-J'),
    dockerfile: lines('FROM scratch', 'ADD x.tar.xz /n'),
    tree: below('n'),
  },
  {
    name: 'add knows archives by their content',
    prepare: archive('x.txt', '-z'),
    dockerfile: lines('FROM scratch', 'ADD x.txt /n/'),
    tree: below('n'),
  },
  {
    name: 'add what is only called an archive',
    files: { 'x.tar.gz': 'a' },
    dockerfile: lines('FROM scratch', 'ADD x.tar.gz /'),
    tree: { 'x.tar.gz': a },
  },
  {
    name: 'add archives by a wildcard',
    prepare: archive('x1.tar'),
    files: { 'x2.txt': 'a' },
    dockerfile: lines('FROM scratch', 'ADD x* /n/'),
    tree: { ...below('n'), 'n/x2.txt': a },
  },
  {
    name: 'add --chown of an archive',
    peer: 'docker 26 leaves its owners to the archive, BuildKit 0.2x as said',
    prepare: archive('x.tar'),
    dockerfile: lines('FROM scratch', 'ADD --chown=5:6 x.tar /n/'),
    tree: {
      n: folder('755', '5:6'),
      'n/a': file('a', '644', '5:6'),
      'n/d': folder('755', '5:6'),
      'n/d/b': file('b', '644', '5:6'),
    },
  },
  {
    name: 'add --unpack=false keeps an archive',
    prepare: archive('x.tar'),
    dockerfile: lines('FROM busybox', 'ADD --unpack=false x.tar /', 'RUN tar -xf /x.tar -O a > /a && rm /x.tar'),
    tree: { a },
    peer: 'docker 26 has no --unpack',
  },
  {
    name: 'copy keeps an archive',
    prepare: archive('x.tar'),
    dockerfile: lines('FROM busybox', 'COPY x.tar /', 'RUN tar -xf /x.tar -O d/b > /b && rm /x.tar'),
    tree: { b: file('b') },
  },
  {
    name: 'an archive in a folder is not unpacked',
    prepare: (context) => {
      mkdirSync(join(context, 'f'))
      archive('f/x.tar')(context)
    },
    dockerfile: lines('FROM busybox', 'ADD f /f', 'RUN tar -xf /f/x.tar -O a > /a && rm -r /f'),
    tree: { a },
  },
  {
    name: 'add an archive over what is there',
    prepare: archive('x.tar'),
    files: { 'p/a': 'old', 'p/d/c': 'c' },
    dockerfile: lines('FROM scratch', 'ADD p /', 'ADD x.tar /'),
    tree: { ...UNPACKED, 'd/c': file('c') },
  },
  {
    name: 'add through a linked folder of the image',
    prepare: archive('x.tar'),
    dockerfile: lines('FROM busybox', 'RUN mkdir /real && ln -s /real /link', 'ADD x.tar /link'),
    tree: { link: '-> /real', ...below('real') },
  },
  {
    name: 'add --checksum of a file of the context',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', `ADD --checksum=sha256:${'0'.repeat(64)} a /`),
    error: { code: 'DOCKERFILE_INVALID_VALUE', line: 2 },
  },
  {
    name: 'copy of a URL',
    dockerfile: lines('FROM scratch', 'COPY http://127.0.0.1:1/a /'),
    error: { code: 'DOCKERFILE_INVALID_VALUE', line: 2 },
  },
  {
    name: 'copy --checksum',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'COPY --checksum=sha256:1 a /'),
    error: { code: 'DOCKERFILE_UNKNOWN_FLAG', line: 2 },
  },
]
