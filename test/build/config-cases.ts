/** What instructions make of the image's configuration and history. */
import { type BuildCase, lines } from './build-case.ts'

const scratch = (...rest: readonly string[]): string => lines('FROM scratch', ...rest)
const SHELL = ['/bin/sh', '-c']

const environment: readonly BuildCase[] = [
  {
    name: 'env',
    dockerfile: scratch('ENV A=1 B="x y" C=a\\ b', 'ENV D x  y '),
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'A=1', 'B=x y', 'C=a b', 'D=x  y'],
    },
    history: ['ENV A=1 B=x y C=a b (empty)', 'ENV D=x  y (empty)'],
  },
  {
    name: 'env again takes its place',
    dockerfile: lines('FROM busybox', 'ENV A=1 B=2', 'ENV A=3 LANG='),
    config: { Env: ['LANG=', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'A=3', 'B=2'] },
  },
  {
    name: 'env on one line sees the old values',
    dockerfile: scratch('ENV A=old', 'ENV A=new B=$A', 'LABEL r="$A $B"'),
    config: { Labels: { r: 'new old' } },
  },
  {
    name: 'env quotes',
    dockerfile: scratch(`ENV A='$HOME "x"' B="'y'" C=\\"z\\" D=""`, 'LABEL r="$A|$B|$C|$D|"'),
    config: { Labels: { r: `$HOME "x"|'y'|"z"||` } },
  },
  {
    name: 'env across lines',
    dockerfile: scratch('ENV A=1 \\', '    # comment', '    B=2 \\', '', '    C=3', 'LABEL r=$A$B$C'),
    config: { Labels: { r: '123' } },
  },
  {
    name: 'env with an escaped variable',
    dockerfile: scratch("ENV A=1 B=\\$A C='$A'", 'LABEL r="$B $C"'),
    config: { Labels: { r: '$A $A' } },
  },
  {
    name: 'expansion: defaults',
    dockerfile: scratch('ENV E= S=s', 'LABEL r="${U:-a} ${E:-b} ${E-c}|${S:-d} ${S:+e} ${E:+f}|${E+g}${U+h}"'),
    config: { Labels: { r: 'a b |s e |g' } },
  },
  {
    name: 'expansion: nested',
    dockerfile: scratch('ENV S=s', 'LABEL r="${U:-${V:-$S}}"'),
    config: { Labels: { r: 's' } },
  },
  {
    name: 'expansion: prefixes and suffixes',
    dockerfile: scratch('ENV P=a/b/c.tar.gz', 'LABEL r="${P#*/} ${P##*/} ${P%.*} ${P%%.*}"'),
    config: { Labels: { r: 'b/c.tar.gz c.tar.gz a/b/c.tar a/b/c' } },
  },
  {
    name: 'expansion: replacements',
    dockerfile: scratch('ENV P=a-b-c', 'LABEL r="${P/-/+} ${P//-/+} ${P//[-]/+}"'),
    config: { Labels: { r: 'a+b-c a+b+c a-b-c' } },
  },
  {
    name: 'expansion: required',
    dockerfile: scratch('LABEL r="${U:?must be set}"'),
    error: { code: 'DOCKERFILE_EXPANSION', line: 2, message: /U: must be set/ },
  },
  {
    name: 'expansion: unknown',
    dockerfile: scratch('LABEL r="${U:=x}"'),
    error: { code: 'DOCKERFILE_EXPANSION', line: 2, message: /unsupported modifier/ },
  },
  {
    name: 'escape directive',
    dockerfile: lines('# escape=`', 'FROM scratch', 'ENV A=1 `', '  B=a\\b C=`$A', 'LABEL r="$A $B $C"'),
    config: { Labels: { r: '1 a\\b $A' } },
  },
]

const args: readonly BuildCase[] = [
  {
    name: 'arg default',
    dockerfile: scratch('ARG A=1', 'LABEL r=$A'),
    config: { Labels: { r: '1' } },
    history: ['ARG A=1 (empty)', 'LABEL r=1 (empty)'],
  },
  {
    name: 'arg given',
    peer: 'docker 26 tells the default of the ARG, BuildKit 0.2x what it was',
    dockerfile: scratch('ARG A=1', 'LABEL r=$A'),
    request: { args: { A: '2' } },
    config: { Labels: { r: '2' } },
    history: ['ARG A=2 (empty)', 'LABEL r=2 (empty)'],
  },
  {
    name: 'arg without a value',
    dockerfile: scratch('ARG A', 'LABEL r="[$A]"'),
    config: { Labels: { r: '[]' } },
    history: ['ARG A (empty)', 'LABEL r=[] (empty)'],
  },
  {
    name: 'arg before it is declared',
    dockerfile: scratch('LABEL r="[$A]"', 'ARG A=1'),
    config: { Labels: { r: '[]' } },
  },
  {
    name: 'arg is not in the image',
    dockerfile: scratch('ARG A=1'),
    config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'] },
  },
  {
    name: 'env goes before arg',
    dockerfile: scratch('ENV A=env', 'ARG A=arg', 'LABEL r=$A'),
    request: { args: { A: 'given' } },
    config: { Labels: { r: 'given' } },
  },
  {
    name: 'env behind arg',
    dockerfile: scratch('ARG A=arg', 'ENV A=${A:-x}-env', 'LABEL r=$A'),
    request: { args: { A: 'given' } },
    config: { Labels: { r: 'given-env' } },
  },
  {
    name: 'several args on a line',
    dockerfile: scratch('ARG A=1 B C=$A', 'LABEL r="$A $B $C"'),
    request: { args: { B: '2' } },
    config: { Labels: { r: '1 2 1' } },
  },
  {
    name: 'global arg in FROM',
    dockerfile: lines('ARG N=scratch', 'FROM ${N}', 'LABEL r="[$N]"'),
    config: { Labels: { r: '[]' } },
  },
  {
    name: 'global arg declared again',
    dockerfile: lines('ARG N=1', 'FROM scratch', 'ARG N', 'LABEL r="$N"'),
    config: { Labels: { r: '1' } },
  },
  {
    name: 'global arg with a default of its own in the stage',
    dockerfile: lines('ARG N=1', 'FROM scratch', 'ARG N=2', 'LABEL r="$N"'),
    config: { Labels: { r: '2' } },
  },
  {
    name: 'global args of each other',
    dockerfile: lines('ARG A=1', 'ARG B=${A}2', 'FROM scratch', 'ARG B', 'LABEL r="$B"'),
    config: { Labels: { r: '12' } },
  },
  {
    name: 'args of a stage below',
    dockerfile: lines('FROM scratch AS s', 'ARG A=1', 'FROM s', 'LABEL r="$A"'),
    config: { Labels: { r: '1' } },
  },
  {
    name: 'args of another stage',
    dockerfile: lines('FROM scratch AS s', 'ARG A=1', 'FROM scratch', 'LABEL r="[$A]"'),
    config: { Labels: { r: '[]' } },
  },
  {
    name: 'platform args need a declaration',
    dockerfile: scratch('LABEL a="[$TARGETOS]"', 'ARG TARGETOS', 'LABEL b="[$TARGETOS]"'),
    config: { Labels: { a: '[]', b: '[linux]' } },
  },
  {
    name: 'platform args of the builder',
    dockerfile: scratch('ARG BUILDOS', 'ARG TARGETSTAGE', 'LABEL r="$BUILDOS $TARGETSTAGE"'),
    config: { Labels: { r: 'linux default' } },
    peer: 'docker 26 has no TARGETSTAGE in its built-in frontend',
  },
  {
    name: 'target stage as arg',
    dockerfile: lines('FROM scratch AS web', 'ARG TARGETSTAGE', 'LABEL r="$TARGETSTAGE"', 'FROM scratch'),
    request: { target: 'web' },
    config: { Labels: { r: 'web' } },
    peer: 'docker 26 has no TARGETSTAGE in its built-in frontend',
  },
  {
    name: 'from an empty name',
    dockerfile: lines('ARG N', 'FROM ${N}'),
    error: { code: 'DOCKERFILE_INVALID_VALUE', line: 2 },
  },
]

const process: readonly BuildCase[] = [
  {
    name: 'cmd in exec form',
    dockerfile: scratch('CMD ["a", "b c"]'),
    config: { Cmd: ['a', 'b c'], Entrypoint: undefined, ArgsEscaped: true },
    history: ['CMD ["a" "b c"] (empty)'],
  },
  {
    name: 'cmd in shell form',
    dockerfile: scratch('CMD a "b"'),
    config: { Cmd: [...SHELL, 'a "b"'] },
    history: ['CMD ["/bin/sh" "-c" "a \\"b\\""] (empty)'],
  },
  { name: 'cmd: the last counts', dockerfile: scratch('CMD ["a"]', 'CMD ["b"]'), config: { Cmd: ['b'] } },
  { name: 'cmd does not expand', dockerfile: scratch('ENV A=1', 'CMD ["$A"]'), config: { Cmd: ['$A'] } },
  { name: 'cmd that is no JSON', dockerfile: scratch("CMD ['a']"), config: { Cmd: [...SHELL, "['a']"] } },
  {
    name: 'entrypoint in exec form',
    dockerfile: scratch('ENTRYPOINT ["a"]', 'CMD ["b"]'),
    config: { Entrypoint: ['a'], Cmd: ['b'] },
    history: ['ENTRYPOINT ["a"] (empty)', 'CMD ["b"] (empty)'],
  },
  {
    name: 'entrypoint in shell form',
    dockerfile: scratch('ENTRYPOINT a b'),
    config: { Entrypoint: [...SHELL, 'a b'] },
  },
  {
    name: 'entrypoint takes an inherited cmd away',
    base: { tag: 'conformance-cmd', dockerfile: scratch('CMD ["a"]') },
    dockerfile: lines('FROM conformance-cmd', 'ENTRYPOINT ["b"]'),
    config: { Entrypoint: ['b'], Cmd: undefined },
  },
  {
    name: 'entrypoint leaves a cmd of the same stage',
    dockerfile: scratch('CMD ["a"]', 'ENTRYPOINT ["b"]'),
    config: { Entrypoint: ['b'], Cmd: ['a'] },
  },
  {
    name: 'entrypoint emptied',
    base: { tag: 'conformance-entry', dockerfile: scratch('ENTRYPOINT ["a"]') },
    dockerfile: lines('FROM conformance-entry', 'ENTRYPOINT []', 'CMD ["b"]'),
    config: { Entrypoint: undefined, Cmd: ['b'] },
  },
  {
    name: 'shell',
    dockerfile: scratch('SHELL ["/bin/bash", "-ec"]', 'CMD a', 'ENTRYPOINT b'),
    config: { Shell: ['/bin/bash', '-ec'], Cmd: ['/bin/bash', '-ec', 'a'], Entrypoint: ['/bin/bash', '-ec', 'b'] },
    history: [
      'SHELL [/bin/bash -ec] (empty)',
      'CMD ["/bin/bash" "-ec" "a"] (empty)',
      'ENTRYPOINT ["/bin/bash" "-ec" "b"] (empty)',
    ],
  },
  { name: 'shell that is no JSON', dockerfile: scratch('SHELL bash'), error: { code: 'DOCKERFILE_SYNTAX', line: 2 } },
  {
    name: 'healthcheck',
    peer: 'docker 26 formats the history of it in another way than BuildKit 0.2x',
    dockerfile: scratch(
      'HEALTHCHECK --interval=5s --timeout=1m --start-period=1s --start-interval=2s --retries=4 CMD ["a"]',
    ),
    config: {
      Healthcheck: {
        Test: ['CMD', 'a'],
        Interval: 5e9,
        Timeout: 60e9,
        StartPeriod: 1e9,
        StartInterval: 2e9,
        Retries: 4,
      },
    },
    history: ['HEALTHCHECK {Test:[CMD a] Interval:5s Timeout:1m0s StartPeriod:1s StartInterval:2s Retries:4} (empty)'],
  },
  {
    name: 'healthcheck in shell form',
    dockerfile: scratch('HEALTHCHECK CMD a || b'),
    config: { Healthcheck: { Test: ['CMD-SHELL', 'a || b'] } },
  },
  {
    name: 'healthcheck none',
    dockerfile: scratch('HEALTHCHECK CMD a', 'HEALTHCHECK NONE'),
    config: { Healthcheck: { Test: ['NONE'] } },
  },
  {
    name: 'user',
    dockerfile: scratch('ARG U=web', 'USER $U:0'),
    config: { User: 'web:0' },
    history: ['ARG U=web (empty)', 'USER web:0 (empty)'],
  },
  {
    name: 'stopsignal',
    dockerfile: scratch('ARG S=INT', 'STOPSIGNAL SIG$S'),
    config: { StopSignal: 'SIGINT' },
    history: ['ARG S=INT (empty)', 'STOPSIGNAL SIGINT (empty)'],
  },
  { name: 'stopsignal as a number', dockerfile: scratch('STOPSIGNAL 9'), config: { StopSignal: '9' } },
  {
    name: 'stopsignal that is none',
    dockerfile: scratch('STOPSIGNAL nonsense'),
    error: { code: 'DOCKERFILE_INVALID_VALUE', line: 2 },
  },
]

const others: readonly BuildCase[] = [
  {
    name: 'label',
    dockerfile: scratch('LABEL a=1 "b c"="d e"', 'LABEL a=2'),
    config: { Labels: { a: '2', 'b c': 'd e' } },
    history: ['LABEL a=1 b c=d e (empty)', 'LABEL a=2 (empty)'],
  },
  {
    name: 'label across lines and scripts',
    dockerfile: scratch('LABEL a="x \\', '  y" \\', '  ü=文'),
    config: { Labels: { a: 'x   y', ü: '文' } },
  },
  { name: 'label without a value', dockerfile: scratch('LABEL a= b=""'), config: { Labels: { a: '', b: '' } } },
  {
    name: 'label with a variable in its key',
    dockerfile: scratch('ENV K=k', 'LABEL x.$K=1'),
    config: { Labels: { 'x.k': '1' } },
  },
  {
    name: 'labels of the request',
    dockerfile: scratch('LABEL a=1 b=2'),
    request: { labels: { a: '3', c: '4' } },
    config: { Labels: { a: '3', b: '2', c: '4' } },
  },
  {
    name: 'expose',
    dockerfile: scratch('ENV P=90', 'EXPOSE 80 443/TCP 53/udp 8000-8002 $P'),
    config: {
      ExposedPorts: {
        '80/tcp': {},
        '443/tcp': {},
        '53/udp': {},
        '8000/tcp': {},
        '8001/tcp': {},
        '8002/tcp': {},
        '90/tcp': {},
      },
    },
  },
  {
    name: 'expose several of a variable',
    dockerfile: scratch('ENV P="80 81/udp"', 'EXPOSE $P'),
    config: { ExposedPorts: { '80/tcp': {}, '81/udp': {} } },
    history: ['ENV P=80 81/udp (empty)', 'EXPOSE [80/tcp 81/udp] (empty)'],
  },
  {
    name: 'expose what is no port',
    dockerfile: scratch('EXPOSE web'),
    error: { code: 'DOCKERFILE_INVALID_VALUE', line: 2 },
  },
  {
    name: 'volume',
    dockerfile: scratch('ENV V=/b', 'VOLUME /a $V', 'VOLUME ["/c d"]'),
    config: { Volumes: { '/a': {}, '/b': {}, '/c d': {} } },
    history: ['ENV V=/b (empty)', 'VOLUME [/a /b] (empty)', 'VOLUME [/c d] (empty)'],
  },
  {
    name: 'workdir',
    dockerfile: scratch('WORKDIR /a', 'WORKDIR b', 'WORKDIR ../c/'),
    config: { WorkingDir: '/a/c' },
    history: ['WORKDIR /a', 'WORKDIR /a/b', 'WORKDIR /a/c'],
  },
  { name: 'workdir with a variable', dockerfile: scratch('ENV D=/x', 'WORKDIR $D/y'), config: { WorkingDir: '/x/y' } },
  {
    name: 'workdir that is the root',
    dockerfile: scratch('WORKDIR /'),
    config: { WorkingDir: '/' },
    history: ['WORKDIR / (empty)'],
  },
  { name: 'maintainer', dockerfile: scratch('MAINTAINER me <a@b>'), history: ['MAINTAINER me <a@b> (empty)'] },
  {
    name: 'onbuild',
    dockerfile: scratch('ONBUILD RUN a && \\', '  b', 'ONBUILD COPY . /x'),
    config: { OnBuild: ['RUN a &&   b', 'COPY . /x'] },
    history: [],
  },
  {
    name: 'comments and empty lines',
    dockerfile: lines('# one', '', '   # two', 'FROM scratch', '# three', 'LABEL a=1 # four=4', ''),
    error: { code: 'DOCKERFILE_SYNTAX', line: 6 },
  },
  { name: 'CRLF', dockerfile: 'FROM scratch\r\nLABEL a=1 \\\r\n  b=2\r\n', config: { Labels: { a: '1', b: '2' } } },
  { name: 'a byte order mark', dockerfile: '\ufeffFROM scratch\nLABEL a=1\n', config: { Labels: { a: '1' } } },
  { name: 'keywords in any case', dockerfile: lines('from scratch', 'LaBeL a=1'), config: { Labels: { a: '1' } } },
  {
    name: 'epoch',
    dockerfile: scratch('WORKDIR /x'),
    request: { args: { SOURCE_DATE_EPOCH: '1700000000' } },
    history: ['WORKDIR /x'],
  },
]

export const configCases: readonly BuildCase[] = [...environment, ...args, ...process, ...others]
