/** RUN: how commands run, what they leave in the image and what they do not, and mounts. */
import { type BuildCase, file, folder, lines } from './build-case.ts'

const D = folder()
const busybox = (...rest: readonly string[]): string => lines('FROM busybox', ...rest)
const secretOf = (id: string, value: string): { id: string; valueBase64: string } => ({
  id,
  valueBase64: Buffer.from(value).toString('base64'),
})

const commands: readonly BuildCase[] = [
  {
    name: 'run in shell form',
    dockerfile: busybox('RUN echo "$((1+1))" > /f'),
    tree: { f: file('2\n') },
    history: ['RUN /bin/sh -c echo "$((1+1))" > /f # buildkit'],
  },
  {
    name: 'run in exec form',
    dockerfile: busybox('RUN ["/bin/sh", "-c", "echo $0 > /f", "x y"]'),
    tree: { f: file('x y\n') },
    history: ['RUN /bin/sh -c echo $0 > /f x y # buildkit'],
  },
  {
    name: 'run in exec form does not expand',
    dockerfile: busybox('ENV A=1', 'RUN ["/bin/touch", "/$A"]'),
    tree: { $A: file('') },
  },
  { name: 'run in exec form finds programs', dockerfile: busybox('RUN ["touch", "/f"]'), tree: { f: file('') } },
  {
    name: 'run across lines',
    dockerfile: busybox('RUN echo a \\', '  # comment', '  b \\', '', '  c > /f'),
    tree: { f: file('a b c\n') },
  },
  {
    name: 'run with env and args',
    dockerfile: busybox('ENV A=1', 'ARG B=2', 'RUN echo "$A $B" > /f'),
    tree: { f: file('1 2\n') },
    history: ['ENV A=1 (empty)', 'ARG B=2 (empty)', 'RUN |1 B=2 /bin/sh -c echo "$A $B" > /f # buildkit'],
  },
  {
    name: 'run: env behind arg of one name counts',
    dockerfile: busybox('ARG A=arg', 'ENV A=env', 'RUN echo "$A" > /f'),
    request: { args: { A: 'given' } },
    tree: { f: file('env\n') },
  },
  {
    name: 'run: proxies without a declaration, not in history',
    dockerfile: busybox('RUN echo "$HTTP_PROXY $http_proxy" > /f'),
    request: { args: { HTTP_PROXY: 'p:1' } },
    tree: { f: file('p:1 p:1\n') },
    history: ['RUN /bin/sh -c echo "$HTTP_PROXY $http_proxy" > /f # buildkit'],
    config: { Env: ['LANG=C', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'] },
  },
  {
    name: 'run as a user',
    dockerfile: busybox('RUN mkdir -m 777 /w', 'USER worker', 'RUN id -u > /w/u; id -g > /w/g; id -G > /w/G'),
    tree: {
      w: folder('777'),
      'w/u': file('1234\n', '644', '1234:1235'),
      'w/g': file('1235\n', '644', '1234:1235'),
      'w/G': file('1235 2000\n', '644', '1234:1235'),
    },
  },
  {
    name: 'run as numbers',
    dockerfile: busybox('RUN mkdir -m 777 /w', 'USER 7:8', 'RUN touch /w/f'),
    tree: { w: folder('777'), 'w/f': file('', '644', '7:8') },
  },
  {
    name: 'run as a user that is not there',
    dockerfile: busybox('USER nobody-there', 'RUN true'),
    error: { code: 'INVALID_REQUEST', line: 3, message: /unable to find user nobody-there/ },
  },
  { name: 'run in WORKDIR', dockerfile: busybox('WORKDIR /w', 'RUN pwd > f'), tree: { w: D, 'w/f': file('/w\n') } },
  {
    name: 'workdir belongs to the user',
    dockerfile: busybox('USER worker', 'WORKDIR /w/v', 'RUN touch f'),
    tree: { w: folder('755', '1234:1235'), 'w/v': folder('755', '1234:1235'), 'w/v/f': file('', '644', '1234:1235') },
  },
  {
    name: 'workdir that is there stays as it is',
    dockerfile: busybox('RUN mkdir -m 700 /w', 'USER worker', 'WORKDIR /w'),
    tree: { w: folder('700') },
  },
  {
    name: 'workdir through a linked folder',
    dockerfile: busybox('RUN mkdir /real && ln -s real /link', 'WORKDIR /link/w'),
    tree: { real: D, link: '-> real', 'real/w': D },
  },
  {
    name: 'run with another shell',
    dockerfile: busybox('SHELL ["/bin/sh", "-x", "-c"]', 'RUN case $- in *x*) touch /f;; esac'),
    tree: { f: file('') },
    history: ['SHELL [/bin/sh -x -c] (empty)', 'RUN /bin/sh -x -c case $- in *x*) touch /f;; esac # buildkit'],
  },
  {
    name: 'run that fails',
    dockerfile: busybox('RUN exit 7'),
    error: { code: 'BUILD_STEP_FAILED', line: 2, message: /exit code: 7/ },
  },
  {
    name: 'run what is not there',
    dockerfile: busybox('RUN ["/none"]'),
    error: { code: 'BUILD_STEP_FAILED', line: 2 },
  },
  {
    name: 'run without a network',
    dockerfile: busybox('RUN --network=none ls /sys/class/net > /f'),
    tree: { f: file('lo\n') },
  },
  { name: 'run: the host name', dockerfile: busybox('RUN hostname > /f'), tree: { f: file('buildkitsandbox\n') } },
  {
    name: 'run: a host name that was asked for',
    dockerfile: busybox('RUN hostname > /f'),
    request: { args: { BUILDKIT_SANDBOX_HOSTNAME: 'web' } },
    tree: { f: file('web\n') },
  },
  {
    name: 'run: hosts that were asked for',
    dockerfile: busybox('RUN grep -c "10.9.8.7.*extra" /etc/hosts > /f'),
    request: { extraHosts: ['extra:10.9.8.7'] },
    tree: { f: file('1\n') },
  },
  {
    name: 'run: a search path of its own',
    dockerfile: busybox(
      'RUN mkdir /x && ln -s /bin/busybox /x/own-echo',
      'ENV PATH=/x:$PATH',
      'RUN command -v own-echo > /f',
    ),
    tree: { x: D, 'x/own-echo': '-> /bin/busybox', f: file('/x/own-echo\n') },
    config: { Env: ['LANG=C', 'PATH=/x:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'] },
  },
  {
    name: 'run: platform args only when they are declared',
    dockerfile: busybox('RUN echo "[$TARGETOS]" > /f', 'ARG TARGETOS', 'RUN echo "[$TARGETOS]" > /g'),
    tree: { f: file('[]\n'), g: file('[linux]\n') },
    history: [
      'RUN /bin/sh -c echo "[$TARGETOS]" > /f # buildkit',
      'ARG TARGETOS=linux (empty)',
      'RUN |1 TARGETOS=linux /bin/sh -c echo "[$TARGETOS]" > /g # buildkit',
    ],
  },
  {
    name: 'run: HOME of the user',
    dockerfile: busybox('RUN echo $HOME > /f', 'RUN chmod 777 /tmp', 'USER worker', 'RUN echo $HOME > /tmp/g'),
    tree: { f: file('/root\n'), tmp: folder('777'), 'tmp/g': file('/tmp\n', '644', '1234:1235') },
  },
  {
    name: 'run: a working folder that is a file',
    dockerfile: busybox('RUN touch /f', 'WORKDIR /f/g'),
    error: { code: 'NOT_A_FOLDER', line: 3 },
  },
  { name: 'run: standard input is empty', dockerfile: busybox('RUN cat > /f'), tree: { f: file('') } },
]

const leftovers: readonly BuildCase[] = [
  {
    name: 'run leaves nothing of its own',
    dockerfile: busybox('RUN cat /etc/resolv.conf /etc/hosts > /dev/null; ls /proc/self /sys /dev/shm > /dev/null'),
    tree: {},
    history: [
      'RUN /bin/sh -c cat /etc/resolv.conf /etc/hosts > /dev/null; ls /proc/self /sys /dev/shm > /dev/null # buildkit (empty)',
    ],
  },
  { name: 'run removes a file', dockerfile: busybox('RUN rm /data/from-image'), tree: { 'data/from-image': 'gone' } },
  {
    name: 'run removes a folder',
    dockerfile: busybox('RUN rm -r /data'),
    tree: { data: 'gone', 'data/from-image': 'gone' },
  },
  {
    name: 'run makes a folder anew',
    dockerfile: busybox('RUN rm -r /data && mkdir /data && echo new > /data/f'),
    tree: { 'data/from-image': 'gone', 'data/f': file('new\n') },
  },
  {
    name: 'run moves a folder',
    dockerfile: busybox('RUN mv /data /moved'),
    tree: { data: 'gone', 'data/from-image': 'gone', moved: D, 'moved/from-image': file('from the image\n') },
  },
  {
    name: 'run changes a mode',
    dockerfile: busybox('RUN chmod 600 /data/from-image && chmod 700 /data'),
    tree: { data: folder('700'), 'data/from-image': file('from the image\n', '600') },
  },
  {
    name: 'run changes an owner',
    dockerfile: busybox('RUN chown worker /data/from-image'),
    tree: { 'data/from-image': file('from the image\n', '644', '1234:0') },
  },
  {
    name: 'run appends to a file',
    dockerfile: busybox('RUN echo more >> /data/from-image'),
    tree: { 'data/from-image': file('from the image\nmore\n') },
  },
  {
    name: 'run replaces a file by a folder',
    dockerfile: busybox('RUN rm /data/from-image && mkdir /data/from-image && touch /data/from-image/x'),
    tree: { 'data/from-image': D, 'data/from-image/x': file('') },
  },
  { name: 'run makes and removes', dockerfile: busybox('RUN touch /f && rm /f'), tree: {} },
  {
    name: 'steps upon each other',
    dockerfile: busybox('RUN echo 1 > /f', 'RUN echo 2 >> /f', 'RUN rm /f && echo 3 > /g'),
    tree: { g: file('3\n') },
  },
  {
    name: 'a volume keeps what later steps write',
    dockerfile: busybox('VOLUME /data', 'RUN echo x > /data/f'),
    tree: { 'data/f': file('x\n') },
  },
]

const mounts: readonly BuildCase[] = [
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
    history: [
      'RUN /bin/sh -c test -n "$TOKEN" # buildkit (empty)',
      'RUN /bin/sh -c test -z "$TOKEN" && touch /f # buildkit',
    ],
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

export const runCases: readonly BuildCase[] = [...commands, ...leftovers, ...mounts]
