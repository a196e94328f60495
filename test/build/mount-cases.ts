/** RUN --mount: binds, caches, tmpfs, secrets and ssh. */
import { type BuildCase, file, folder, lines } from './build-case.ts'

const D = folder()
const busybox = (...rest: readonly string[]): string => lines('FROM busybox', ...rest)
const secretOf = (id: string, value: string): { id: string; valueBase64: string } => ({
  id,
  valueBase64: Buffer.from(value).toString('base64'),
})

export const mountCases: readonly BuildCase[] = [
  {
    name: 'mount the context',
    files: { a: 'a' },
    dockerfile: busybox('RUN --mount=target=/ctx cp /ctx/a /a'),
    tree: { a: file('a') },
  },
  {
    name: 'mount a file of the context',
    files: { 'd/a': 'a' },
    dockerfile: busybox('RUN --mount=type=bind,source=d/a,target=/in cat /in > /a'),
    tree: { a: file('a') },
  },
  {
    name: 'mount is read-only',
    files: { a: 'a' },
    dockerfile: busybox('RUN --mount=target=/ctx touch /ctx/b 2> /dev/null || echo refused > /f'),
    tree: { f: file('refused\n') },
  },
  {
    name: 'mount for writing, which is dropped',
    files: { a: 'a' },
    dockerfile: busybox(
      'RUN --mount=target=/ctx,rw echo b > /ctx/b && cat /ctx/a /ctx/b > /f',
      'RUN --mount=target=/ctx ls /ctx > /g',
    ),
    tree: { f: file('ab\n'), g: file('a\n') },
  },
  {
    name: 'mount from a stage',
    dockerfile: lines(
      'FROM busybox AS s',
      'RUN echo x > /s',
      'FROM busybox',
      'RUN --mount=from=s,source=/s,target=/in cat /in > /f',
    ),
    tree: { f: file('x\n') },
  },
  {
    name: 'mount from an image',
    dockerfile: busybox('RUN --mount=from=busybox,source=/data,target=/in cat /in/from-image > /f'),
    tree: { f: file('from the image\n') },
  },
  {
    name: 'mount from a named context',
    contexts: { extra: { a: 'a' } },
    dockerfile: busybox('RUN --mount=from=extra,target=/in cat /in/a > /f'),
    tree: { f: file('a') },
  },
  {
    name: 'mount relative to WORKDIR',
    files: { a: 'a' },
    dockerfile: busybox('WORKDIR /w', 'RUN --mount=target=in cat in/a > /f'),
    tree: { w: D, f: file('a') },
  },
  {
    name: 'mount with variables',
    files: { a: 'a' },
    dockerfile: busybox('ARG T=/in', 'RUN --mount=target=$T cat /in/a > /f'),
    tree: { f: file('a') },
  },
  {
    name: 'mount with a global arg by a stage',
    dockerfile: lines(
      'ARG B=busybox',
      'FROM ${B} AS s',
      'FROM busybox',
      'RUN --mount=from=s,target=/in cat /in/data/from-image > /f',
    ),
    tree: { f: file('from the image\n') },
  },
  {
    name: 'mount twice',
    files: { a: 'a', b: 'b' },
    dockerfile: busybox('RUN --mount=source=a,target=/1 --mount=source=b,target=/2 cat /1 /2 > /f'),
    tree: { f: file('ab') },
  },
  {
    name: 'mount over a folder of the image',
    files: { a: 'a' },
    dockerfile: busybox('RUN --mount=target=/data ls /data > /f'),
    tree: { f: file('a\n') },
  },
  {
    name: 'mount what is not there',
    dockerfile: busybox('RUN --mount=source=none,target=/in true'),
    error: { code: 'COPY_SOURCE_MISSING', line: 2 },
  },
  {
    name: 'mount at the root',
    dockerfile: busybox('RUN --mount=target=/ true'),
    error: { code: 'DOCKERFILE_INVALID_VALUE', line: 2 },
  },
  {
    name: 'mount of an unknown type',
    dockerfile: busybox('RUN --mount=type=tmp,target=/t true'),
    error: { code: 'DOCKERFILE_INVALID_VALUE', line: 2, message: /unsupported mount type "tmp"/ },
  },
  {
    name: 'mount with an unknown key',
    dockerfile: busybox('RUN --mount=typ=tmpfs true'),
    error: { code: 'DOCKERFILE_INVALID_VALUE', line: 2, message: /unexpected key "typ"/ },
  },
  {
    name: 'mount from with a variable',
    dockerfile: busybox('ARG S=busybox', 'RUN --mount=from=$S,target=/in true'),
    error: { code: 'DOCKERFILE_INVALID_VALUE', line: 3 },
  },
  {
    name: 'mount a tmpfs',
    dockerfile: busybox(
      "RUN --mount=type=tmpfs,target=/t,size=1m touch /t/x && df -k /t | tail -n 1 | awk '{print $2}' > /f",
    ),
    tree: { f: file('1024\n') },
  },
  {
    name: 'mount a cache',
    dockerfile: busybox(
      'RUN --mount=type=cache,target=/c,id=conformance-1 echo x > /c/f',
      'RUN --mount=type=cache,target=/d,id=conformance-1 cat /d/f > /f',
    ),
    tree: { f: file('x\n') },
  },
  {
    name: 'mount a cache named after its target',
    dockerfile: busybox(
      'RUN --mount=type=cache,target=/conformance-2 echo x > /conformance-2/f',
      'RUN --mount=type=cache,target=/conformance-2/ cat /conformance-2/f > /f',
    ),
    tree: { f: file('x\n') },
  },
  {
    name: 'mount a cache with an owner',
    dockerfile: busybox(
      'RUN --mount=type=cache,target=/c,id=conformance-3,uid=7,gid=8,mode=0700 stat -c "%u:%g %a" /c > /f',
    ),
    tree: { f: file('7:8 700\n') },
  },
  {
    name: 'mount a cache, read-only',
    dockerfile: busybox(
      'RUN --mount=type=cache,target=/c,id=conformance-4,ro touch /c/x 2> /dev/null || echo refused > /f',
    ),
    tree: { f: file('refused\n') },
  },
  {
    name: 'mount a cache that begins with a stage',
    dockerfile: lines(
      'FROM busybox AS s',
      'RUN mkdir /d && echo x > /d/f',
      'FROM busybox',
      'RUN --mount=type=cache,from=s,source=/d,target=/c,id=conformance-5 cat /c/f > /f',
    ),
    tree: { f: file('x\n') },
  },
  {
    name: 'secret',
    dockerfile: busybox('RUN --mount=type=secret,id=s cat /run/secrets/s > /f; stat -c "%a %u:%g" /run/secrets/s > /g'),
    request: { secrets: [secretOf('s', 'hidden')] },
    tree: { f: file('hidden'), g: file('400 0:0\n') },
  },
  {
    name: 'secret elsewhere, with an owner',
    dockerfile: busybox('RUN --mount=type=secret,id=s,target=/x/s,mode=0440,uid=7,gid=8 stat -c "%a %u:%g" /x/s > /f'),
    request: { secrets: [secretOf('s', 'hidden')] },
    tree: { f: file('440 7:8\n') },
  },
  {
    name: 'secret as a variable',
    dockerfile: busybox(
      'RUN --mount=type=secret,id=s,env=TOKEN test "$TOKEN" = hidden && ls /run/secrets 2> /dev/null | wc -l > /f',
    ),
    request: { secrets: [secretOf('s', 'hidden')] },
    tree: { f: file('0\n') },
    peer: 'docker 26 has no env= of secrets',
  },
  {
    name: 'secret as a variable and a file',
    dockerfile: busybox('RUN --mount=type=secret,id=s,env=TOKEN,target=/x/t test "$TOKEN" = hidden && cat /x/t > /f'),
    request: { secrets: [secretOf('s', 'hidden')] },
    tree: { f: file('hidden') },
    peer: 'docker 26 has no env= of secrets',
  },
  {
    name: 'secret in no history and no variable',
    dockerfile: busybox('RUN --mount=type=secret,id=s,env=TOKEN test -n "$TOKEN"', 'RUN test -z "$TOKEN" && touch /f'),
    request: { secrets: [secretOf('s', 'hidden')] },
    tree: { f: file('') },
    history: ['RUN /bin/sh -c test -n "$TOKEN" # buildkit', 'RUN /bin/sh -c test -z "$TOKEN" && touch /f # buildkit'],
    peer: 'docker 26 has no env= of secrets',
  },
  {
    name: 'secret that is missing',
    dockerfile: busybox('RUN --mount=type=secret,id=s test ! -e /run/secrets/s'),
    tree: {},
  },
  {
    name: 'secret that is missing but required',
    dockerfile: busybox('RUN --mount=type=secret,id=s,required true'),
    error: { code: 'BUILD_SECRET_MISSING', line: 2 },
  },
  {
    name: 'ssh that is missing but required',
    dockerfile: busybox('RUN --mount=type=ssh,required true'),
    error: { code: 'BUILD_SSH_MISSING', line: 2 },
  },
  {
    name: 'mount points leave nothing behind',
    files: { a: 'a' },
    dockerfile: busybox(
      'RUN --mount=target=/x/y/z --mount=type=tmpfs,target=/data/t --mount=type=cache,target=/v/c,id=conformance-6 true',
    ),
    tree: {},
  },
]
