/** Several stages, targets, ONBUILD, .dockerignore, and Dockerfiles that are none. */
import { type BuildCase, file, folder, lines } from './build-case.ts'

const D = folder()
const a = file('a')

const stages: readonly BuildCase[] = [
  {
    name: 'stage upon a stage',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch AS s', 'COPY a /', 'ENV A=1', 'FROM s', 'COPY a /b'),
    tree: { a, b: a },
    config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'A=1'] },
    history: ['COPY a / # buildkit', 'ENV A=1 (empty)', 'COPY a /b # buildkit'],
  },
  {
    name: 'stage in another case',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch AS Stage', 'COPY a /', 'FROM stage'),
    tree: { a },
  },
  {
    name: 'stage by an arg',
    files: { a: 'a' },
    dockerfile: lines('ARG V=two', 'FROM scratch AS one', 'FROM scratch AS two', 'COPY a /', 'FROM ${V}'),
    tree: { a },
  },
  {
    name: 'stage chosen by a given arg',
    files: { a: 'a' },
    dockerfile: lines('ARG V=one', 'FROM scratch AS one', 'FROM scratch AS two', 'COPY a /', 'FROM ${V}'),
    request: { args: { V: 'two' } },
    tree: { a },
  },
  {
    name: 'the last stage is built',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'COPY none /', 'FROM scratch', 'COPY a /'),
    tree: { a },
  },
  {
    name: 'target',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch AS one', 'COPY a /', 'FROM scratch', 'COPY none /'),
    request: { target: 'ONE' },
    tree: { a },
  },
  {
    name: 'target by its number',
    peer: 'BuildKit takes names only; the legacy builder took numbers too',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch', 'COPY a /', 'FROM scratch', 'COPY none /'),
    request: { target: '0' },
    tree: { a },
  },
  {
    name: 'target that is not there',
    dockerfile: lines('FROM scratch AS web'),
    request: { target: 'wbe' },
    error: { code: 'BUILD_TARGET', message: /wbe/ },
  },
  {
    name: 'stages of one name: the last',
    files: { a: 'a' },
    dockerfile: lines('FROM scratch AS s', 'FROM scratch AS s', 'COPY a /', 'FROM s'),
    tree: { a },
  },
  {
    name: 'a stage that is only FROM',
    dockerfile: lines('FROM scratch AS a', 'FROM a AS b', 'FROM b'),
    tree: {},
    history: [],
  },
  {
    name: 'a stage of a stage below',
    files: { a: 'a' },
    dockerfile: lines(
      'FROM scratch AS one',
      'COPY a /x',
      'FROM scratch AS two',
      'COPY --from=one /x /y',
      'FROM scratch',
      'COPY --from=two /y /z',
    ),
    tree: { z: a },
  },
  {
    name: 'workdir and user of a stage',
    dockerfile: lines('FROM busybox AS s', 'WORKDIR /w', 'USER worker', 'FROM s', 'WORKDIR x'),
    tree: { w: D, 'w/x': folder('755', '1234:1235') },
    config: { User: 'worker', WorkingDir: '/w/x' },
  },
  {
    name: 'a stage that is not needed is not looked up',
    files: { a: 'a' },
    dockerfile: lines('FROM localhost:1/none AS other', 'RUN x', 'FROM scratch', 'COPY a /'),
    tree: { a },
  },
  {
    name: 'a stage is built once for all that need it',
    dockerfile: lines(
      'FROM busybox AS s',
      'RUN head -c 9 /dev/urandom | base64 > /r',
      'FROM busybox AS one',
      'COPY --from=s /r /1',
      'FROM busybox AS two',
      'COPY --from=s /r /2',
      'FROM busybox',
      'RUN --mount=from=one,target=/o --mount=from=two,target=/t cmp /o/1 /t/2 && touch /f',
    ),
    tree: { f: file('') },
  },
  {
    name: 'a stage upon itself',
    dockerfile: lines('FROM scratch AS a', 'COPY --from=a x /'),
    error: { code: 'DOCKERFILE_STAGE' },
  },
  {
    name: 'a base by a named context',
    contexts: { base: { a: 'a' } },
    dockerfile: lines('FROM base', 'LABEL a=1'),
    tree: { a },
  },
  {
    name: 'a platform of this machine',
    files: { a: 'a' },
    dockerfile: lines('FROM --platform=$BUILDPLATFORM scratch', 'COPY a /'),
    tree: { a },
  },
  {
    name: 'a platform that is none',
    dockerfile: lines('FROM --platform=a/b/c/d scratch'),
    error: { code: 'DOCKERFILE_INVALID_VALUE', line: 1 },
  },
  {
    name: 'a base that is not there',
    dockerfile: lines('FROM localhost:1/none'),
    error: { code: 'REGISTRY_UNREACHABLE', line: 1 },
  },
]

const triggers: readonly BuildCase[] = [
  {
    name: 'onbuild runs in the image above',
    base: { tag: 'conformance-onbuild-1', dockerfile: lines('FROM busybox', 'ONBUILD RUN echo x > /f') },
    dockerfile: lines('FROM conformance-onbuild-1'),
    tree: { f: file('x\n') },
    config: { OnBuild: undefined },
  },
  {
    name: 'onbuild before the rest, in its order',
    base: {
      tag: 'conformance-onbuild-2',
      dockerfile: lines('FROM busybox', 'ONBUILD ENV A=1', 'ONBUILD RUN echo $A > /f'),
    },
    dockerfile: lines('FROM conformance-onbuild-2', 'RUN cat /f > /g'),
    tree: { f: file('1\n'), g: file('1\n') },
  },
  {
    name: 'onbuild copies of the context above',
    base: { tag: 'conformance-onbuild-3', dockerfile: lines('FROM scratch', 'ONBUILD COPY a /') },
    files: { a: 'a' },
    dockerfile: lines('FROM conformance-onbuild-3'),
    tree: { a },
  },
  {
    name: 'onbuild copies of a stage above',
    peer: 'docker 26 does not know the stage there, BuildKit 0.2x does',
    base: { tag: 'conformance-onbuild-4', dockerfile: lines('FROM scratch', 'ONBUILD COPY --from=s /a /b') },
    files: { a: 'a' },
    dockerfile: lines('FROM scratch AS s', 'COPY a /', 'FROM conformance-onbuild-4'),
    tree: { b: a },
  },
  {
    name: 'onbuild is not handed on',
    base: { tag: 'conformance-onbuild-5', dockerfile: lines('FROM busybox', 'ONBUILD RUN echo x >> /f') },
    dockerfile: lines('FROM conformance-onbuild-5 AS s', 'FROM s'),
    tree: { f: file('x\n') },
  },
  {
    name: 'onbuild of a stage',
    dockerfile: lines('FROM busybox AS s', 'ONBUILD RUN echo x > /f', 'FROM s'),
    tree: { f: file('x\n') },
  },
  {
    name: 'onbuild with a heredoc',
    base: {
      tag: 'conformance-onbuild-6',
      dockerfile: lines('FROM busybox', 'ONBUILD RUN cat <<E > /f', '$((1+1))', 'E'),
    },
    dockerfile: lines('FROM conformance-onbuild-6'),
    tree: { f: file('2\n') },
  },
  {
    name: 'onbuild of onbuild',
    dockerfile: lines('FROM scratch', 'ONBUILD ONBUILD RUN x'),
    error: { code: 'DOCKERFILE_SYNTAX', line: 2 },
  },
  {
    name: 'onbuild of FROM',
    dockerfile: lines('FROM scratch', 'ONBUILD FROM x'),
    error: { code: 'DOCKERFILE_SYNTAX', line: 2 },
  },
]

const all = lines('FROM scratch', 'COPY . /')
const ignored = (ignore: string, files: Readonly<Record<string, string>>): Record<string, string> => ({
  '.dockerignore': `${ignore}\n.dockerignore`,
  ...files,
})

const ignores: readonly BuildCase[] = [
  { name: 'ignore a file', files: ignored('a', { a: 'a', b: 'b' }), dockerfile: all, tree: { b: file('b') } },
  {
    name: 'ignore at the root only',
    files: ignored('a', { a: 'a', 'd/a': 'a' }),
    dockerfile: all,
    tree: { d: D, 'd/a': a },
  },
  {
    name: 'ignore everywhere',
    files: ignored('**/a', { a: 'a', 'd/a': 'a', 'd/b': 'b' }),
    dockerfile: all,
    tree: { d: D, 'd/b': file('b') },
  },
  { name: 'ignore a folder', files: ignored('d/', { 'd/a': 'a', b: 'b' }), dockerfile: all, tree: { b: file('b') } },
  { name: 'ignore the contents of a folder', files: ignored('d/*', { 'd/a': 'a' }), dockerfile: all, tree: { d: D } },
  {
    name: 'ignore all but',
    files: ignored('*\n!a\n!d/x', { a: 'a', b: 'b', 'd/x': 'x', 'd/y': 'y' }),
    dockerfile: all,
    tree: { a, d: D, 'd/x': file('x') },
  },
  {
    name: 'ignore: the last counts',
    files: ignored('*.t\n!a.t\na.*', { 'a.t': 'a', b: 'b' }),
    dockerfile: all,
    tree: { b: file('b') },
  },
  {
    name: 'ignore: a slash before, blanks, comments',
    files: ignored('# b\n  /a  \n', { a: 'a', b: 'b' }),
    dockerfile: all,
    tree: { b: file('b') },
  },
  {
    name: 'ignore what is copied by name',
    files: ignored('a', { a: 'a' }),
    dockerfile: lines('FROM scratch', 'COPY a /'),
    error: { code: 'COPY_SOURCE_MISSING', line: 2 },
  },
  {
    name: 'ignore holds for mounts',
    files: ignored('a', { a: 'a', b: 'b' }),
    dockerfile: lines('FROM busybox', 'RUN --mount=target=/c ls -A /c > /f'),
    tree: { f: file('b\n') },
  },
  {
    name: 'ignore with a pattern that is none',
    files: { '.dockerignore': 'a\n[' },
    dockerfile: all,
    error: { code: 'DOCKERIGNORE_SYNTAX' },
  },
  {
    name: 'ignore does not hold for named contexts',
    files: { '.dockerignore': 'a' },
    contexts: { extra: { a: 'a' } },
    dockerfile: lines('FROM scratch', 'COPY --from=extra a /'),
    tree: { a },
  },
]

const wrong: readonly BuildCase[] = [
  {
    name: 'wrong: an unknown instruction',
    dockerfile: lines('FROM scratch', 'RNU x'),
    error: { code: 'DOCKERFILE_UNKNOWN_INSTRUCTION', line: 2 },
  },
  {
    name: 'wrong: an unknown flag',
    dockerfile: lines('FROM scratch', 'COPY --frm=x a b'),
    error: { code: 'DOCKERFILE_UNKNOWN_FLAG', line: 2 },
  },
  { name: 'wrong: nothing in it', dockerfile: lines('# nothing'), error: { code: 'DOCKERFILE_EMPTY' } },
  { name: 'wrong: no FROM', dockerfile: lines('RUN x'), error: { code: 'DOCKERFILE_SYNTAX', line: 1 } },
  {
    name: 'wrong: mixed JSON',
    dockerfile: lines('FROM scratch', 'CMD ["a", 1]'),
    error: { code: 'DOCKERFILE_SYNTAX', line: 2 },
  },
  {
    name: 'wrong: a network that is none',
    dockerfile: lines('FROM scratch', 'RUN --network=x y'),
    error: { code: 'DOCKERFILE_INVALID_VALUE', line: 2 },
  },
  {
    name: 'wrong: insecure without leave',
    dockerfile: lines('FROM busybox', 'RUN --security=insecure true'),
    error: { code: 'DOCKERFILE_INVALID_VALUE', line: 2 },
  },
]

export const stageCases: readonly BuildCase[] = [...stages, ...triggers, ...ignores, ...wrong]
