/** COPY: owners, modes and times, flags, and where it copies from. */
import { type BuildCase, file, folder, lines } from './build-case.ts'

const D = folder()
const a = file('a')
const b = file('b')
const TREE = { 'd/x': 'x', 'd/e/y': 'y' }
const x = file('x')
const y = file('y')

const attributes: readonly BuildCase[] = [
  {
    name: 'copy keeps modes',
    files: { a: { text: 'a', mode: 0o700 }, 'd/': { mode: 0o711 } },
    dockerfile: lines('FROM scratch', 'COPY . /'),
    tree: { a: file('a', '700'), d: folder('711') },
  },
  {
    name: 'copy keeps set-uid and sticky',
    files: { a: { text: 'a', mode: 0o4755 }, 'd/': { mode: 0o1777 } },
    dockerfile: lines('FROM scratch', 'COPY . /'),
    tree: { a: file('a', '4755'), d: folder('1777') },
  },
  {
    name: 'copy makes root the owner',
    files: { a: { text: 'a', uid: 7, gid: 8 } },
    dockerfile: lines('FROM scratch', 'COPY a /'),
    tree: { a },
  },
  {
    name: 'copy keeps owners of stages, but for the folder itself',
    dockerfile: lines(
      'FROM busybox AS s',
      'RUN mkdir -p /d/e && echo -n a > /d/a && chown -R 7:8 /d',
      'FROM scratch',
      'COPY --from=s /d /d',
    ),
    tree: { d: D, 'd/a': file('a', '644', '7:8'), 'd/e': folder('755', '7:8') },
  },
  {
    name: 'copy --chown with numbers',
    files: { 'd/a': 'a' },
    dockerfile: lines('FROM scratch', 'COPY --chown=7:8 d /n'),
    tree: { n: folder('755', '7:8'), 'n/a': file('a', '644', '7:8') },
  },
  {
    name: 'copy --chown with a number alone',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'COPY --chown=7 a /'),
    tree: { a: file('a', '644', '7:7') },
  },
  {
    name: 'copy --chown with names',
    files: { a: 'a' },
    dockerfile: lines('FROM busybox', 'COPY --chown=worker:extra a /'),
    tree: { a: file('a', '644', '1234:2000') },
  },
  {
    name: 'copy --chown with a name alone',
    files: { a: 'a' },
    dockerfile: lines('FROM busybox', 'COPY --chown=worker a /'),
    tree: { a: file('a', '644', '1234:1235') },
  },
  {
    name: 'copy --chown with a variable',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'ARG O=7', 'COPY --chown=${O}:8 a /'),
    tree: { a: file('a', '644', '7:8') },
  },
  {
    name: 'copy --chown makes folders of that owner',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'COPY --chown=7:8 a /n/m/'),
    tree: { n: folder('755', '7:8'), 'n/m': folder('755', '7:8'), 'n/m/a': file('a', '644', '7:8') },
  },
  {
    name: 'copy --chown of a user that is not there takes root',
    files: { a: 'a' },
    dockerfile: lines('FROM busybox', 'COPY --chown=nobody-there a /'),
    tree: { a },
  },
  {
    name: 'copy after USER makes root the owner',
    files: { a: 'a' },
    dockerfile: lines('FROM busybox', 'USER worker', 'COPY a /'),
    tree: { a },
  },
  {
    name: 'copy --chmod in octal',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'COPY --chmod=0640 a /'),
    tree: { a: file('a', '640') },
  },
  {
    name: 'copy --chmod with set-uid',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'COPY --chmod=4755 a /'),
    tree: { a: file('a', '4755') },
  },
  {
    name: 'copy --chmod holds for folders too',
    files: { 'd/a': 'a' },
    dockerfile: lines('FROM scratch', 'COPY --chmod=750 d /n'),
    tree: { n: folder('750'), 'n/a': file('a', '750') },
  },
  {
    name: 'copy --chmod in octal holds for folders that are made',
    peer: 'docker 26 makes them 755, BuildKit 0.2x as said',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'COPY --chmod=750 a /n/'),
    tree: { n: folder('750'), 'n/a': file('a', '750') },
  },
  {
    name: 'copy --chmod in symbols',
    files: { a: { text: 'a', mode: 0o604 } },
    dockerfile: lines('FROM scratch', 'COPY --chmod=u+x,g=u,o-r a /'),
    tree: { a: file('a', '770') },
    peer: 'docker 26 knows octal modes only',
  },
  {
    name: 'copy --chmod with X',
    files: { 'd/a': { text: 'a', mode: 0o600 }, 'd/b': { text: 'b', mode: 0o700 } },
    dockerfile: lines('FROM scratch', 'COPY --chmod=go=rX d /'),
    tree: { a: file('a', '644'), b: file('b', '755') },
    peer: 'docker 26 knows octal modes only',
  },
  {
    name: 'copy --chmod with a variable',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'ARG M=600', 'COPY --chmod=$M a /'),
    tree: { a: file('a', '600') },
  },
  {
    name: 'copy --chmod that is none',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'COPY --chmod=u+q a /'),
    error: { code: 'DOCKERFILE_INVALID_VALUE', line: 2, message: /invalid chmod parameter/ },
  },
  {
    name: 'copy --chmod that is too large',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'COPY --chmod=10000 a /'),
    error: { code: 'DOCKERFILE_INVALID_VALUE', line: 2, message: /octal string between 0 and 07777/ },
  },
]

const flags: readonly BuildCase[] = [
  {
    name: 'copy --link',
    files: { a: 'a' },
    dockerfile: lines('FROM busybox', 'COPY --link a /n/m/'),
    tree: { n: D, 'n/m': D, 'n/m/a': a },
  },
  {
    name: 'copy --link replaces a linked folder',
    peer: 'storage drivers of docker cannot merge: a plain copy there',
    files: { a: 'a' },
    dockerfile: lines('FROM busybox', 'RUN mkdir /real && ln -s real /link', 'COPY --link a /link/'),
    tree: { real: D, link: D, 'link/a': a },
  },
  {
    name: 'copy --link over a folder of the image',
    files: { a: 'a' },
    dockerfile: lines('FROM busybox', 'COPY --link a /data/'),
    tree: { 'data/a': a },
  },
  {
    name: 'copy --link --chown',
    files: { a: 'a' },
    dockerfile: lines('FROM busybox', 'COPY --link --chown=worker:8 a /'),
    tree: { a: file('a', '644', '1234:8') },
  },
  {
    name: 'copy --link --chown by a name replaces a linked folder',
    peer: 'storage drivers of docker cannot merge: a plain copy there',
    files: { a: 'a' },
    dockerfile: lines('FROM busybox', 'RUN mkdir /real && ln -s real /link', 'COPY --link --chown=worker a /link/'),
    tree: { real: D, link: folder('755', '1234:1235'), 'link/a': file('a', '644', '1234:1235') },
  },
  {
    name: 'copy --link and steps after it',
    files: { a: 'a' },
    dockerfile: lines('FROM busybox', 'COPY --link a /x/', 'RUN cat /x/a > /f && rm /x/a'),
    tree: { x: D, f: a },
  },
  {
    name: 'copy --link to the root',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'WORKDIR /w', 'COPY --link a .'),
    tree: { w: D, 'w/a': a },
  },
  {
    name: 'copy --parents',
    files: TREE,
    dockerfile: lines('FROM scratch', 'COPY --parents d/e/y d/x /n/'),
    tree: { n: D, 'n/d': D, 'n/d/x': x, 'n/d/e': D, 'n/d/e/y': y },
    peer: 'docker 26 has no --parents',
  },
  {
    name: 'copy --parents with a pivot',
    files: { 'p/q/r/a': 'a' },
    dockerfile: lines('FROM scratch', 'COPY --parents p/./q/r/a /'),
    tree: { q: D, 'q/r': D, 'q/r/a': a },
    peer: 'docker 26 has no --parents',
  },
  {
    name: 'copy --parents with **',
    files: { 'a/1.t': '1', 'a/b/2.t': '2', 'a/b/3.u': '3' },
    dockerfile: lines('FROM scratch', 'COPY --parents **/*.t /'),
    tree: { a: D, 'a/1.t': file('1'), 'a/b': D, 'a/b/2.t': file('2') },
    peer: 'docker 26 has no --parents',
  },
  {
    name: 'copy --parents keeps modes of parents',
    files: { 'd/': { mode: 0o700 }, 'd/a': 'a' },
    dockerfile: lines('FROM scratch', 'COPY --parents d/a /'),
    tree: { d: folder('700'), 'd/a': a },
    peer: 'docker 26 has no --parents',
  },
  {
    name: 'copy --exclude',
    files: { 'd/a.t': 'a', 'd/b.u': 'b' },
    dockerfile: lines('FROM scratch', 'COPY --exclude=*.t d /'),
    tree: { 'b.u': b },
    peer: 'docker 26 has no --exclude',
  },
  {
    name: 'copy --exclude twice',
    files: { 'd/a': 'a', 'd/b': 'b', 'd/c': 'c' },
    dockerfile: lines('FROM scratch', 'COPY --exclude=a --exclude=c d /'),
    tree: { b },
    peer: 'docker 26 has no --exclude',
  },
  {
    name: 'copy --exclude with **',
    files: { 'd/e/a.t': 'a', 'd/e/b': 'b' },
    dockerfile: lines('FROM scratch', 'COPY --exclude=**/*.t d /'),
    tree: { e: D, 'e/b': b },
    peer: 'docker 26 has no --exclude',
  },
  {
    name: 'copy --exclude with an exception',
    files: { 'd/a.t': 'a', 'd/b.t': 'b' },
    dockerfile: lines('FROM scratch', 'COPY --exclude=*.t --exclude=!b.t d /'),
    tree: { 'b.t': b },
    peer: 'docker 26 has no --exclude',
  },
]

const origins: readonly BuildCase[] = [
  {
    name: 'copy --from a stage by name',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch AS s', 'COPY a /', 'FROM scratch', 'COPY --from=s /a /b'),
    tree: { b: a },
  },
  {
    name: 'copy --from a stage by its number',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'COPY a /', 'FROM scratch', 'COPY --from=0 a /b'),
    tree: { b: a },
  },
  {
    name: 'copy --from in another case',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch AS Stage', 'COPY a /', 'FROM scratch', 'COPY --from=sTaGe a /'),
    tree: { a },
  },
  {
    name: 'copy --from an image',
    dockerfile: lines('FROM scratch', 'COPY --from=busybox /data /'),
    tree: { 'from-image': file('from the image\n') },
  },
  {
    name: 'copy --from a named context',
    contexts: { extra: { a: 'a' } },
    dockerfile: lines('FROM scratch', 'COPY --from=extra a /'),
    tree: { a },
  },
  {
    name: 'a named context goes before a stage',
    files: { a: 'a' },
    contexts: { s: { a: 'other' } },
    dockerfile: lines('FROM scratch AS s', 'COPY a /', 'FROM scratch', 'COPY --from=s a /'),
    tree: { a: file('other') },
  },
  {
    name: 'copy --from a stage that comes later',
    dockerfile: lines('FROM scratch AS x', 'COPY --from=y a /', 'FROM scratch AS y', 'FROM x'),
    error: { code: 'DOCKERFILE_STAGE', line: 2 },
  },
  {
    name: 'copy --from a number that is not there',
    dockerfile: lines('FROM scratch', 'COPY --from=7 a /'),
    error: { code: 'DOCKERFILE_STAGE', line: 2 },
  },
  {
    name: 'copy --from with a variable',
    dockerfile: lines('FROM scratch AS s', 'FROM scratch', 'ARG X=s', 'COPY --from=$X a /'),
    error: { code: 'DOCKERFILE_STAGE', line: 4, message: /variables are not expanded/ },
  },
  {
    name: 'copy links of a stage',
    dockerfile: lines(
      'FROM busybox AS s',
      'RUN mkdir /d && echo -n a > /d/a && ln -s a /d/l && ln -s /d /e',
      'FROM scratch',
      'COPY --from=s /e /',
    ),
    tree: { a, l: '-> a' },
  },
  {
    name: 'copy --from a named context makes root the owner',
    contexts: { extra: { a: { text: 'a', uid: 7, gid: 8 } } },
    dockerfile: lines('FROM scratch', 'COPY --from=extra a /'),
    tree: { a },
  },
]

export const copyFlagCases: readonly BuildCase[] = [...attributes, ...flags, ...origins]
