/** RUN: how commands run, what they leave in the image and what they do not, and mounts. */
import { type BuildCase, file, folder, lines } from './build-case.ts'

const D = folder()
const busybox = (...rest: readonly string[]): string => lines('FROM busybox', ...rest)

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
      'RUN /bin/sh -c cat /etc/resolv.conf /etc/hosts > /dev/null; ls /proc/self /sys /dev/shm > /dev/null # buildkit',
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

export const runCases: readonly BuildCase[] = [...commands, ...leftovers]
