/** What instructions do to the image's configuration, and how history tells them. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { names, planOf, told, worksOf } from './support.ts'

suite('configuration', () => {
  const cases: readonly { name: string; lines: readonly string[]; want: object; history: readonly string[] }[] = [
    {
      name: 'ENV sees what was before its line',
      lines: ['ENV A=1', 'ENV A=2 B=$A C="x y"'],
      want: { Env: ['PATH=/usr/bin', 'LANG=C', 'A=2', 'B=1', 'C=x y'] },
      history: ['ENV A=1', 'ENV A=2 B=1 C=x y'],
    },
    {
      name: 'ENV replaces in place',
      lines: ['ENV LANG=de'],
      want: { Env: ['PATH=/usr/bin', 'LANG=de'] },
      history: ['ENV LANG=de'],
    },
    {
      name: 'shell form of CMD',
      lines: ['CMD echo "$A"'],
      want: { Cmd: ['/bin/sh', '-c', 'echo "$A"'] },
      history: [String.raw`CMD ["/bin/sh" "-c" "echo \"$A\""]`],
    },
    {
      name: 'SHELL for what follows',
      lines: ['SHELL ["/bin/bash", "-ec"]', 'CMD true'],
      want: { Shell: ['/bin/bash', '-ec'], Cmd: ['/bin/bash', '-ec', 'true'] },
      history: ['SHELL [/bin/bash -ec]', 'CMD ["/bin/bash" "-ec" "true"]'],
    },
    {
      name: 'ENTRYPOINT resets an inherited CMD',
      lines: ['ENTRYPOINT ["web"]'],
      want: { Entrypoint: ['web'], Cmd: undefined },
      history: ['ENTRYPOINT ["web"]'],
    },
    {
      name: 'ENTRYPOINT leaves a CMD of its own stage',
      lines: ['CMD ["-v"]', 'ENTRYPOINT ["web"]'],
      want: { Entrypoint: ['web'], Cmd: ['-v'] },
      history: ['CMD ["-v"]', 'ENTRYPOINT ["web"]'],
    },
    {
      name: 'EXPOSE with ranges, protocols and variables',
      lines: ['ENV P=80', 'EXPOSE $P 53/UDP 8000-8002'],
      want: { ExposedPorts: { '80/tcp': {}, '53/udp': {}, '8000/tcp': {}, '8001/tcp': {}, '8002/tcp': {} } },
      history: ['ENV P=80', 'EXPOSE [80/tcp 53/udp 8000/tcp 8001/tcp 8002/tcp]'],
    },
    {
      name: 'VOLUME in both forms',
      lines: ['VOLUME /a /b', 'VOLUME ["/c d"]'],
      want: { Volumes: { '/a': {}, '/b': {}, '/c d': {} } },
      history: ['VOLUME [/a /b]', 'VOLUME [/c d]'],
    },
    {
      name: 'LABEL, USER, STOPSIGNAL',
      lines: ['LABEL a="b c" d=e', 'USER web:web', 'STOPSIGNAL SIGINT'],
      want: { Labels: { a: 'b c', d: 'e' }, User: 'web:web', StopSignal: 'SIGINT' },
      history: ['LABEL a=b c d=e', 'USER web:web', 'STOPSIGNAL SIGINT'],
    },
    {
      name: 'HEALTHCHECK',
      lines: ['HEALTHCHECK --interval=30s --timeout=1m30s --retries=3 CMD curl -f localhost'],
      want: {
        Healthcheck: { Test: ['CMD-SHELL', 'curl -f localhost'], Interval: 30e9, Timeout: 90e9, Retries: 3 },
      },
      history: [
        'HEALTHCHECK {Test:[CMD-SHELL curl -f localhost] Interval:30s Timeout:1m30s StartPeriod:0s StartInterval:0s Retries:3}',
      ],
    },
    {
      name: 'HEALTHCHECK NONE',
      lines: ['HEALTHCHECK NONE'],
      want: { Healthcheck: { Test: ['NONE'] } },
      history: ['HEALTHCHECK {Test:[NONE] Interval:0s Timeout:0s StartPeriod:0s StartInterval:0s Retries:0}'],
    },
    {
      name: 'ONBUILD is kept as it is written and told nowhere',
      lines: ['ONBUILD RUN echo $X'],
      want: { OnBuild: ['RUN echo $X'] },
      history: [],
    },
    { name: 'WORKDIR /', lines: ['WORKDIR /'], want: { WorkingDir: '/' }, history: ['WORKDIR /'] },
    {
      name: 'WORKDIR below the one before',
      lines: ['WORKDIR a', 'WORKDIR ../b/'],
      want: { WorkingDir: '/root/b' },
      history: ['WORKDIR /root/a', 'WORKDIR /root/b'],
    },
  ]
  for (const { name, lines, want, history } of cases)
    test(name, async () => {
      const plan = await planOf(`FROM debian\n${lines.join('\n')}\n`)
      const config: Readonly<Record<string, unknown>> = { ...plan.image.config.config }
      for (const [key, value] of Object.entries(want)) assert.deepEqual(config[key], value, key)
      assert.deepEqual(told(plan), ['debootstrap', ...history])
    })

  test('of the base image goes on, without what belongs to a container', async () => {
    const base = {
      architecture: 'arm64',
      os: 'linux',
      variant: 'v8',
      author: 'somebody',
      rootfs: { type: 'layers', diff_ids: [] },
    } as const
    const images = { odd: { ...base, config: { Hostname: 'abc', Image: 'x', User: 'web', StopTimeout: 3 } } }
    const { image } = await planOf('FROM odd\nMAINTAINER me <me@example.org>\n', { images })
    assert.deepEqual(image.config, {
      architecture: 'arm64',
      os: 'linux',
      variant: 'v8',
      author: 'me <me@example.org>',
      config: {
        User: 'web',
        StopTimeout: 3,
        Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      },
    })
  })

  test('labels of the request come last', async () => {
    const { image } = await planOf('FROM debian\nLABEL a=1 b=2\n', { request: { labels: { b: '3' } } })
    assert.deepEqual(image.config.config?.Labels, { a: '1', b: '3' })
  })
})

suite('RUN', () => {
  test('shell form: history, name, environment', async () => {
    const plan = await planOf('FROM debian\nARG V=1\nARG EMPTY\nRUN apt-get update &&    echo "$V" $W\n')
    const [run] = worksOf(plan, 'run')
    assert.deepEqual(run?.argv, ['/bin/sh', '-c', 'apt-get update &&    echo "$V" $W'])
    assert.deepEqual(run?.env, ['PATH=/usr/bin', 'LANG=C', 'V=1'])
    assert.equal(run?.workingDirectory, '/root')
    assert.equal(told(plan).at(-1), 'RUN |2 V=1 EMPTY= /bin/sh -c apt-get update &&    echo "$V" $W # buildkit')
    assert.equal(names(plan).at(-1), '[2/2] RUN apt-get update &&    echo "1" $W')
  })

  test('exec form', async () => {
    const plan = await planOf('FROM debian\nRUN ["npm", "ci"]\n')
    assert.deepEqual(worksOf(plan, 'run')[0]?.argv, ['npm', 'ci'])
    assert.equal(told(plan).at(-1), 'RUN npm ci # buildkit')
  })

  test('proxies are for the process, not for its environment in the key and in history', async () => {
    const request = { args: { http_proxy: 'http://p:1', NO_PROXY: 'x' } }
    const plan = await planOf('FROM debian\nRUN true\n', { request })
    const [run] = worksOf(plan, 'run')
    assert.deepEqual(run?.hiddenEnv, ['HTTP_PROXY=http://p:1', 'http_proxy=http://p:1', 'NO_PROXY=x', 'no_proxy=x'])
    assert.equal(told(plan).at(-1), 'RUN /bin/sh -c true # buildkit')
    assert.deepEqual(plan.unusedArgs, [])
  })

  test('heredocs', async () => {
    const plan = await planOf(
      'FROM debian\nRUN <<EOF\necho a\necho b\nEOF\nRUN <<X\n#!/usr/bin/python\nprint(1)\nX\nRUN cat <<A <<B\na\nA\nb\nB\n',
    )
    const runs = worksOf(plan, 'run')
    assert.deepEqual(runs[0]?.argv, ['/bin/sh', '-c', 'echo a\necho b\n'])
    assert.deepEqual(runs[1]?.argv, ['/dev/pipes/X'])
    assert.equal(runs[1]?.script, '#!/usr/bin/python\nprint(1)\n')
    assert.deepEqual(runs[2]?.argv, ['/bin/sh', '-c', 'cat <<A <<B\na\nA\nb\nB'])
    assert.equal(names(plan)[1], '[2/4] RUN <<EOF (echo a...)')
  })

  test('mounts: targets, ids and origins', async () => {
    const plan = await planOf(
      'FROM debian AS one\nFROM debian\nRUN --mount=target=. --mount=type=cache,target=c --mount=from=one,source=/x,target=/y --mount=type=ssh true\n',
    )
    const mounts = worksOf(plan, 'run')[0]?.mounts ?? []
    assert.deepEqual(
      mounts.map((mount) => [mount.kind, mount.target]),
      [
        ['bind', '/root'],
        ['cache', '/root/c'],
        ['bind', '/y'],
        ['ssh', '/run/buildkit/ssh_agent.0'],
      ],
    )
    const [context, cache, stage] = mounts
    assert.ok(context?.kind === 'bind' && context.from.kind === 'context')
    assert.ok(cache?.kind === 'cache' && cache.id === 'c')
    assert.ok(stage?.kind === 'bind' && stage.from.kind === 'state' && stage.source === 'x')
  })

  test('networks and security need their entitlement', async () => {
    for (const [flag, entitlement] of [
      ['--network=host', 'network.host'],
      ['--security=insecure', 'security.insecure'],
    ] as const) {
      await assert.rejects(planOf(`FROM debian\nRUN ${flag} true\n`), /is not allowed/)
      const plan = await planOf(`FROM debian\nRUN ${flag} true\n`, { request: { entitlements: [entitlement] } })
      assert.equal(worksOf(plan, 'run').length, 1)
    }
  })
})

suite('COPY and ADD', () => {
  test('history, destination, sources', async () => {
    const plan = await planOf(
      'FROM debian\nENV D=dst\nCOPY --chown=web:web --chmod=755 a ./b/ /c $D/\nADD https://example.org/x.tgz /tmp/\nCOPY <<F /f\n$D\nF\nCOPY . .\n',
    )
    const [copy, add, text, all] = worksOf(plan, 'copy')
    assert.equal(copy?.destination, '/root/dst/')
    assert.deepEqual(
      copy?.sources.map((source) => (source.kind === 'path' ? source.pattern : source.kind)),
      ['a', 'b', 'c'],
    )
    assert.equal(add?.sources[0]?.kind, 'http')
    assert.deepEqual(text?.sources, [{ kind: 'text', name: 'F', content: 'dst\n' }])
    assert.equal(all?.destination, '/root/')
    assert.deepEqual(told(plan).slice(2), [
      'COPY --chown=web:web --chmod=755 a ./b/ /c dst/ # buildkit',
      'ADD https://example.org/x.tgz /tmp/ # buildkit',
      'COPY <<F /f # buildkit',
      'COPY . . # buildkit',
    ])
  })

  test('what COPY cannot take', async () => {
    await assert.rejects(planOf('FROM debian\nCOPY https://example.org/x /\n'), { code: 'DOCKERFILE_INVALID_VALUE' })
    await assert.rejects(planOf('FROM debian\nCOPY git@example.org:a.git /\n'), { code: 'DOCKERFILE_INVALID_VALUE' })
    await assert.rejects(planOf('FROM debian\nADD --checksum=sha256:0 a b /c/\n'), { code: 'DOCKERFILE_INVALID_VALUE' })
    await assert.rejects(planOf('FROM debian\nARG F\nCOPY --from=$F a /\n'), { code: 'DOCKERFILE_STAGE' })
  })
})
