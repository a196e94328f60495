/** Which stages and images a target needs, what arguments mean in them, and what steps are called. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { DEBIAN, names, planOf, told, worksOf } from './support.ts'

suite('stages', () => {
  test('only what the target needs is there, and asked for', async () => {
    const plan = await planOf(
      'FROM missing AS unused\nRUN false\nFROM debian AS base\nRUN a\nFROM base AS left\nRUN l\nFROM base\nCOPY --from=left /x /\n',
    )
    assert.deepEqual(names(plan), [
      '[base 1/2] FROM docker.io/library/debian:latest',
      '[base 2/2] RUN a',
      '[left 1/1] RUN l',
      '[stage-3 1/1] COPY --from=left /x /',
    ])
    assert.deepEqual(
      plan.asked.map(({ source }) => source),
      [{ kind: 'image', reference: 'debian' }],
    )
  })

  test('identical operations are there once', async () => {
    const text =
      'FROM debian AS a\nRUN x\nRUN y\nFROM debian AS b\nRUN x\nRUN z\nFROM scratch\nCOPY --from=a / /\nCOPY --from=b / /\n'
    assert.equal(worksOf(await planOf(text), 'run').length, 3)
  })

  test('a target by name whatever its case, or by index', async () => {
    const text = 'FROM debian AS One\nRUN 1\nFROM debian AS two\nRUN 2\n'
    for (const [target, want] of [
      ['oNE', '[one 2/2] RUN 1'],
      ['0', '[one 2/2] RUN 1'],
      ['TWO', '[two 2/2] RUN 2'],
    ] as const)
      assert.equal(names(await planOf(text, { request: { target } })).at(-1), want)
    await assert.rejects(planOf(text, { request: { target: 'tow' } }), {
      code: 'BUILD_TARGET',
      hint: 'did you mean "two"?',
    })
  })

  test('stages below and their own are refused', async () => {
    for (const text of [
      'FROM debian AS a\nCOPY --from=b x /\nFROM debian AS b\nFROM a\n',
      'FROM debian AS a\nCOPY --from=a x /\n',
      'FROM debian\nCOPY --from=0 x /\n',
      'FROM debian\nRUN --mount=from=later,target=/x true\nFROM debian AS later\nFROM 0\n'.replace('FROM 0\n', ''),
    ])
      await assert.rejects(planOf(text, { request: { target: '0' } }), { code: 'DOCKERFILE_STAGE' })
  })

  test('an image that is not there is told with its line', async () => {
    await assert.rejects(planOf('FROM debian AS a\nFROM missing\nCOPY --from=a / /\n'), (error: unknown) => {
      assert.ok(error instanceof Error && 'source' in error && 'code' in error)
      assert.equal(error.code, 'NO_SUCH_IMAGE')
      assert.deepEqual((error.source as { readonly lines: readonly string[] }).lines.at(1), 'FROM missing')
      return true
    })
  })

  test('a mount makes BuildKit name the only stage', async () => {
    const plan = await planOf('FROM debian\nRUN --mount=type=cache,target=/c true\n')
    assert.equal(names(plan).at(-1), '[stage-0 2/2] RUN --mount=type=cache,target=/c true')
  })

  test('FROM scratch', async () => {
    const plan = await planOf('FROM scratch\nCOPY a /\nCMD ["/a"]\n')
    assert.deepEqual(names(plan), ['FROM scratch', '[1/1] COPY a /'])
    assert.equal(plan.image.config.config?.WorkingDir, '/')
  })
})

suite('named contexts', () => {
  const folder = { kind: 'directory', path: '/other' } as const

  test('replace images, whatever the spelling, and are sources of COPY', async () => {
    const request = {
      additionalContexts: { 'docker.io/library/web:latest': { kind: 'image', reference: 'debian' }, files: folder },
    } as const
    const plan = await planOf('FROM web\nCOPY --from=files a /\n', { request })
    assert.deepEqual(names(plan), [
      '[context web] docker.io/library/debian:latest',
      '[stage-0 1/2] COPY --from=files a /',
    ])
    const [source] = worksOf(plan, 'copy')[0]?.sources ?? []
    assert.deepEqual(source, { kind: 'path', from: { kind: 'context', name: 'files', source: folder }, pattern: 'a' })
  })

  test('replace stages', async () => {
    const request = { additionalContexts: { build: folder } }
    const plan = await planOf(
      'FROM missing AS other\nFROM missing AS build\nCOPY --from=other / /\nFROM debian\nCOPY --from=build a /\n',
      { request },
    )
    assert.deepEqual(
      plan.asked.map(({ source: { kind: _kind, ...name } }) => name),
      [{ reference: 'debian' }],
    )
    const [source] = worksOf(plan, 'copy')[0]?.sources ?? []
    assert.ok(source?.kind === 'path' && source.from.kind === 'context')
  })

  test('a folder as a base is all of its files', async () => {
    const plan = await planOf('FROM files\nRUN x\n', { request: { additionalContexts: { files: folder } } })
    assert.deepEqual(
      plan.operations.map(({ work }) => work.kind),
      ['scratch', 'copy', 'run'],
    )
  })
})

suite('arguments', () => {
  const cases: readonly {
    name: string
    text: string
    args?: Readonly<Record<string, string>>
    want: readonly string[]
  }[] = [
    { name: 'a global one is not seen in a stage', text: 'ARG G=1\nFROM debian\nENV X=a$G\n', want: ['ENV X=a'] },
    {
      name: 'unless it is declared there',
      text: 'ARG G=1\nFROM debian\nARG G\nENV X=a$G\n',
      want: ['ARG G=1', 'ENV X=a1'],
    },
    { name: 'the request counts more', text: 'ARG G=1\nFROM debian\nARG G=2\n', args: { G: '3' }, want: ['ARG G=3'] },
    {
      name: 'the default of the stage counts more than the global one',
      text: 'ARG G=1\nFROM debian\nARG G=2\n',
      want: ['ARG G=2'],
    },
    { name: 'defaults see earlier arguments', text: 'FROM debian\nARG A=1 B=${A}2\n', want: ['ARG A=1 B=12'] },
    {
      name: 'platforms need a declaration',
      text: 'FROM debian\nENV A=[$TARGETARCH]\nARG TARGETARCH TARGETSTAGE\n',
      want: ['ENV A=[]', 'ARG TARGETARCH=amd64 TARGETSTAGE=default'],
    },
    { name: 'FROM sees global ones only', text: 'ARG B=debian\nFROM ${B}\nARG B\n', want: ['ARG B=debian'] },
    {
      name: 'ENV counts more than an ARG before it',
      text: 'FROM debian\nARG A=1\nENV A=2\nENV B=$A\n',
      want: ['ARG A=1', 'ENV A=2', 'ENV B=2'],
    },
  ]
  for (const { name, text, args = {}, want } of cases)
    test(name, async () => assert.deepEqual(told(await planOf(text, { request: { args } })).slice(1), want))

  test('go on in stages that are built on the stage', async () => {
    const plan = await planOf('FROM debian AS a\nARG V=1\nFROM a\nRUN x\n')
    assert.equal(told(plan).at(-1), 'RUN |1 V=1 /bin/sh -c x # buildkit')
  })

  test('those that nothing takes are told', async () => {
    const args = { A: '1', B: '2', SOURCE_DATE_EPOCH: '0', BUILDKIT_INLINE_CACHE: '1' }
    assert.deepEqual((await planOf('FROM debian\nARG A\n', { request: { args } })).unusedArgs, ['B'])
  })

  test('an empty base says so', async () => {
    await assert.rejects(planOf('ARG B\nFROM $B\n'), { code: 'DOCKERFILE_INVALID_VALUE' })
  })
})

suite('ONBUILD', () => {
  const images = {
    onbuild: { ...DEBIAN, config: { ...DEBIAN.config, OnBuild: ['COPY --from=tools /t /t', 'RUN echo $V'] } },
  }

  test('of an image: before the own instructions, with stages that only it needs', async () => {
    const plan = await planOf('FROM debian AS tools\nRUN t\nFROM onbuild\nRUN own\n', { images })
    assert.deepEqual(names(plan).slice(2), [
      '[tools 2/2] RUN t',
      '[stage-1 2/4] ONBUILD COPY --from=tools /t /t',
      '[stage-1 3/4] ONBUILD RUN echo $V',
      '[stage-1 4/4] RUN own',
    ])
    assert.equal(plan.image.config.config !== undefined && 'OnBuild' in plan.image.config.config, false)
  })

  test('of a stage: for those who build on it, once', async () => {
    const plan = await planOf('FROM debian AS a\nONBUILD ENV X=1\nFROM a AS b\nFROM b\n')
    assert.deepEqual(told(plan), ['debootstrap', 'ENV X=1'])
  })
})

suite('platforms and times', () => {
  test('--platform asks for an image of it; the target is what the image is for', async () => {
    const plan = await planOf('FROM --platform=linux/arm64 debian\n')
    assert.deepEqual(plan.asked.at(-1), {
      source: { kind: 'image', reference: 'debian' },
      platform: { os: 'linux', architecture: 'arm64' },
      isPlatformAsked: true,
    })
    const asked = await planOf('FROM debian\n', { targetPlatform: { os: 'linux', architecture: 'arm', variant: 'v7' } })
    assert.equal(asked.image.config.architecture, 'arm')
    await assert.rejects(planOf('FROM --platform=$NOTHING debian\n'), { code: 'DOCKERFILE_INVALID_VALUE' })
  })

  test('SOURCE_DATE_EPOCH is the time of all own steps', async () => {
    const { image } = await planOf('FROM debian\nENV A=1\nRUN x\n', {
      request: { args: { SOURCE_DATE_EPOCH: '1700000000' } },
    })
    assert.equal(image.epochSeconds, 1_700_000_000)
    assert.deepEqual(
      image.history.map(({ created }) => created),
      ['2024-01-01T00:00:00Z', '2023-11-14T22:13:20Z', '2023-11-14T22:13:20Z'],
    )
    await assert.rejects(planOf('FROM debian\n', { request: { args: { SOURCE_DATE_EPOCH: 'now' } } }), {
      code: 'DOCKERFILE_INVALID_VALUE',
    })
  })

  test('--no-cache, whole or by stage', async () => {
    const text = 'FROM debian AS a\nRUN a\nFROM debian\nRUN b\nCOPY --from=a / /\n'
    const ignoring = async (request: object): Promise<string[]> =>
      (await planOf(text, { request })).operations.filter((one) => one.ignoresCache).map(({ name }) => name)
    assert.deepEqual(await ignoring({ noCacheFilter: ['A'] }), ['[a 2/2] RUN a'])
    assert.equal((await ignoring({ noCache: true })).length, 3)
  })
})
