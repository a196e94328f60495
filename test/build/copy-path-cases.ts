/** COPY: sources, wildcards, destinations, links on the way. */
import { type BuildCase, file, folder, lines } from './build-case.ts'

const D = folder()
const a = file('a')
const b = file('b')
const TREE = { 'd/x': 'x', 'd/e/y': 'y' }
const x = file('x')
const y = file('y')

const sources: readonly BuildCase[] = [
  { name: 'copy a file to the root', files: { a: 'a' }, dockerfile: lines('FROM scratch', 'COPY a /'), tree: { a } },
  {
    name: 'copy a file under another name',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'COPY a /n/m'),
    tree: { n: D, 'n/m': a },
  },
  {
    name: 'copy a file into a new folder',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'COPY a /n/'),
    tree: { n: D, 'n/a': a },
  },
  {
    name: 'copy the contents of a folder',
    files: TREE,
    dockerfile: lines('FROM scratch', 'COPY d /'),
    tree: { x, e: D, 'e/y': y },
  },
  {
    name: 'copy a folder under a new name',
    files: TREE,
    dockerfile: lines('FROM scratch', 'COPY d /n'),
    tree: { n: D, 'n/x': x, 'n/e': D, 'n/e/y': y },
  },
  {
    name: 'copy the contents of a folder with a slash',
    files: TREE,
    dockerfile: lines('FROM scratch', 'COPY d/ /n/'),
    tree: { n: D, 'n/x': x, 'n/e': D, 'n/e/y': y },
  },
  {
    name: 'copy the whole context',
    files: TREE,
    dockerfile: lines('FROM scratch', 'COPY . /n'),
    tree: { n: D, 'n/d': D, 'n/d/x': x, 'n/d/e': D, 'n/d/e/y': y },
  },
  {
    name: 'copy several sources',
    files: { a: 'a', b: 'b', ...TREE },
    dockerfile: lines('FROM scratch', 'COPY a b d /n/'),
    tree: { n: D, 'n/a': a, 'n/b': b, 'n/x': x, 'n/e': D, 'n/e/y': y },
  },
  {
    name: 'copy from below the root only',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'COPY ../../a /b'),
    tree: { b: a },
  },
  {
    name: 'copy with an absolute source',
    files: { 'd/a': 'a' },
    dockerfile: lines('FROM scratch', 'COPY /d/a /'),
    tree: { a },
  },
  {
    name: 'copy with dots in the source',
    files: { 'd/a': 'a' },
    dockerfile: lines('FROM scratch', 'COPY ./x/../d/./a /'),
    tree: { a },
  },
  {
    name: 'copy an empty file',
    files: { a: '' },
    dockerfile: lines('FROM scratch', 'COPY a /'),
    tree: { a: file('') },
  },
  { name: 'copy an empty folder', files: { 'd/': '' }, dockerfile: lines('FROM scratch', 'COPY . /'), tree: { d: D } },
  {
    name: 'copy hidden files',
    files: { '.a': 'a', 'd/.b': 'b' },
    dockerfile: lines('FROM scratch', 'COPY . /n'),
    tree: { n: D, 'n/.a': a, 'n/d': D, 'n/d/.b': b },
  },
  {
    name: 'copy names beyond ASCII',
    files: { 'sömé-文件': 'a' },
    dockerfile: lines('FROM scratch', 'COPY sömé-* /ü/'),
    tree: { ü: D, 'ü/sömé-文件': a },
  },
  {
    name: 'copy names with blanks',
    files: { 'a b': 'a' },
    dockerfile: lines('FROM scratch', 'COPY ["a b", "/c d/"]'),
    tree: { 'c d': D, 'c d/a b': a },
  },
  {
    name: 'copy what is not there',
    dockerfile: lines('FROM scratch', 'COPY a /'),
    error: { code: 'COPY_SOURCE_MISSING', line: 2, message: /"\/a": not found/ },
  },
  {
    name: 'copy one that is there and one that is not',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'COPY a b /n/'),
    error: { code: 'COPY_SOURCE_MISSING', line: 2 },
  },
  {
    name: 'copy from below a file',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'COPY a/b /'),
    error: { code: 'COPY_SOURCE_MISSING', line: 2 },
  },
  {
    name: 'copy variables',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'ENV S=a T=/n', 'COPY ${S} $T/'),
    tree: { n: D, 'n/a': a },
  },
]

const wildcards: readonly BuildCase[] = [
  {
    name: 'copy *',
    files: { a1: 'a', a2: 'b', b1: 'x' },
    dockerfile: lines('FROM scratch', 'COPY a* /'),
    tree: { a1: a, a2: b },
  },
  { name: 'copy ?', files: { a1: 'a', a12: 'b' }, dockerfile: lines('FROM scratch', 'COPY a? /'), tree: { a1: a } },
  {
    name: 'copy [a-b]',
    files: { a: 'a', b: 'b', c: 'x' },
    dockerfile: lines('FROM scratch', 'COPY [a-b] /'),
    tree: { a, b },
  },
  { name: 'copy [^a]', files: { a: 'a', b: 'b' }, dockerfile: lines('FROM scratch', 'COPY [^aD] /'), tree: { b } },
  {
    name: 'copy a * in brackets',
    peer: 'BuildKit sends a context by patterns in which a class cannot hold a *',
    files: { 'a*': 'a', ab: 'b' },
    dockerfile: lines('FROM scratch', 'COPY a[*] /n/'),
    tree: { n: D, 'n/a*': a },
  },
  {
    name: 'copy an escaped * is a name with a backslash',
    files: { 'a*': 'a' },
    dockerfile: lines('FROM scratch', 'ENV S=a\\\\*', 'COPY $S /n/'),
    error: { code: 'COPY_SOURCE_MISSING', line: 3 },
  },
  {
    name: 'copy * within a path',
    files: { 'a/x': 'x', 'b/x': 'y', 'c/z': 'z' },
    dockerfile: lines('FROM scratch', 'COPY */x /'),
    tree: { x: y },
  },
  {
    name: 'copy * takes hidden files',
    files: { '.a': 'a' },
    dockerfile: lines('FROM scratch', 'COPY * /'),
    tree: { '.a': a },
  },
  {
    name: 'copy * over folders',
    files: { 'a/x': 'x', 'b/y': 'y', c: 'c' },
    dockerfile: lines('FROM scratch', 'COPY * /n/'),
    tree: { n: D, 'n/x': x, 'n/y': y, 'n/c': file('c') },
  },
  {
    name: 'copy ** is *',
    files: { 'a/x': 'x', b: 'b' },
    dockerfile: lines('FROM scratch', 'COPY a/** /'),
    tree: { x },
  },
  {
    name: 'copy a wildcard that matches nothing',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'COPY a none* /'),
    tree: { a },
  },
  { name: 'copy only a wildcard that matches nothing', dockerfile: lines('FROM scratch', 'COPY none* /'), tree: {} },
]

const destinations: readonly BuildCase[] = [
  {
    name: 'copy below WORKDIR',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'WORKDIR /w', 'COPY a n/'),
    tree: { w: D, 'w/n': D, 'w/n/a': a },
  },
  {
    name: 'copy to .',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'WORKDIR /w', 'COPY a .'),
    tree: { w: D, 'w/a': a },
  },
  {
    name: 'copy to ./',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'WORKDIR /w', 'COPY a ./'),
    tree: { w: D, 'w/a': a },
  },
  {
    name: 'copy to ..',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'WORKDIR /w/v', 'COPY a ../b'),
    tree: { w: D, 'w/v': D, 'w/b': a },
  },
  {
    name: 'copy a folder to .',
    files: TREE,
    dockerfile: lines('FROM scratch', 'WORKDIR /w', 'COPY d .'),
    tree: { w: D, 'w/x': x, 'w/e': D, 'w/e/y': y },
  },
  {
    name: 'copy over a file',
    files: { a: 'a', b: 'b' },
    dockerfile: lines('FROM scratch', 'COPY a /f', 'COPY b /f'),
    tree: { f: b },
  },
  {
    name: 'copy into a folder that is there',
    files: { a: 'a', ...TREE },
    dockerfile: lines('FROM scratch', 'COPY d /n', 'COPY a /n'),
    tree: { n: D, 'n/x': x, 'n/e': D, 'n/e/y': y, 'n/a': a },
  },
  {
    name: 'copy merges folders',
    files: { 'p/d/1': '1', 'q/d/2': '2' },
    dockerfile: lines('FROM scratch', 'COPY p /', 'COPY q /'),
    tree: { d: D, 'd/1': file('1'), 'd/2': file('2') },
  },
  {
    name: 'copy a folder over a file',
    files: { 'd/a': 'a', f: 'f' },
    dockerfile: lines('FROM scratch', 'COPY f /n', 'COPY d /n'),
    error: { code: 'COPY_OVER_FILE', line: 3 },
  },
  {
    name: 'copy a file onto a folder of its name',
    files: { 'p/x': 'x', 'd/x/y': 'y' },
    dockerfile: lines('FROM scratch', 'COPY d /', 'COPY p/x /x'),
    tree: { x: D, 'x/y': y, 'x/x': x },
  },
  {
    name: 'copy of a step that removed',
    dockerfile: lines(
      'FROM busybox AS s',
      'RUN mkdir /d && touch /d/gone && echo -n a > /d/a',
      'RUN rm /d/gone',
      'FROM scratch',
      'COPY --from=s /d /',
    ),
    tree: { a },
  },
  {
    name: 'copy through a linked folder of the image',
    files: { a: 'a' },
    dockerfile: lines('FROM busybox', 'RUN mkdir /real && ln -s real /link', 'COPY a /link/'),
    tree: { real: D, link: '-> real', 'real/a': a },
  },
  {
    name: 'copy to a link of the image that leads out',
    files: { a: 'a' },
    dockerfile: lines('FROM busybox', 'RUN ln -s ../../../../out /link', 'COPY a /link/'),
    tree: { link: '-> ../../../../out', out: D, 'out/a': a },
  },
  {
    name: 'copy over a link to a file',
    files: { a: 'a' },
    dockerfile: lines('FROM busybox', 'RUN echo -n old > /f && ln -s f /link', 'COPY a /link'),
    tree: { f: a, link: '-> f' },
  },
  {
    name: 'copy keeps modes of folders that are there',
    files: { a: 'a' },
    dockerfile: lines('FROM busybox', 'RUN mkdir -m 700 /n && chown 5:6 /n', 'COPY a /n/'),
    tree: { n: folder('700', '5:6'), 'n/a': a },
  },
]

const symlinks: readonly BuildCase[] = [
  {
    name: 'copy links within a folder as links',
    files: { 'd/a': 'a', 'd/l': '-> a', 'd/out': '-> /etc/passwd', 'd/broken': '-> none' },
    dockerfile: lines('FROM scratch', 'COPY d /'),
    tree: { a, l: '-> a', out: '-> /etc/passwd', broken: '-> none' },
  },
  {
    name: 'copy a link by its name follows it',
    files: { a: 'a', l: '-> a' },
    dockerfile: lines('FROM scratch', 'COPY l /'),
    tree: { l: a },
  },
  {
    name: 'copy a link to a folder follows it',
    files: { 'd/a': 'a', l: '-> d' },
    dockerfile: lines('FROM scratch', 'COPY l /'),
    tree: { a },
  },
  {
    name: 'copy below a linked folder',
    files: { 'd/a': 'a', l: '-> d' },
    dockerfile: lines('FROM scratch', 'COPY l/a /'),
    tree: { a },
  },
  {
    name: 'copy a link out of the context stays in it',
    files: { 'etc/x': 'x', l: '-> ../../../../etc/x' },
    dockerfile: lines('FROM scratch', 'COPY l /y'),
    tree: { y: x },
  },
]

export const copyPathCases: readonly BuildCase[] = [...sources, ...wildcards, ...destinations, ...symlinks]
