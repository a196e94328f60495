import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { applyChanges, type ImageRuntimeConfig } from '../../../../src/engine/images/changes.ts'
import { encodeConfig, toImageConfig } from '../../../../src/engine/images/image-config.ts'

const BASE: ImageRuntimeConfig = { Env: ['PATH=/bin', 'A=1'], Cmd: ['bash'], WorkingDir: '/app' }

describe('image changes', () => {
  const cases: readonly { changes: readonly string[]; want: ImageRuntimeConfig }[] = [
    { changes: ['CMD ["a", "b c"]'], want: { ...BASE, Cmd: ['a', 'b c'] } },
    { changes: ['cmd a b "c"'], want: { ...BASE, Cmd: ['/bin/sh', '-c', 'a b "c"'] } },
    { changes: ['CMD [not json'], want: { ...BASE, Cmd: ['/bin/sh', '-c', '[not json'] } },
    { changes: ['ENTRYPOINT ["x"]'], want: { Env: ['PATH=/bin', 'A=1'], WorkingDir: '/app', Entrypoint: ['x'] } },
    { changes: ['CMD ["y"]', 'ENTRYPOINT ["x"]'], want: { ...BASE, Entrypoint: ['x'], Cmd: ['y'] } },
    { changes: ['ENV B=$A-${A}-\\$A'], want: { ...BASE, Env: ['PATH=/bin', 'A=1', 'B=1-1-$A'] } },
    { changes: [`ENV A=2 B='$A' C="$A x"`], want: { ...BASE, Env: ['PATH=/bin', 'A=2', 'B=$A', 'C=1 x'] } },
    { changes: ['ENV OLD form with  spaces'], want: { ...BASE, Env: ['PATH=/bin', 'A=1', 'OLD=form with  spaces'] } },
    {
      changes: ['ENV B=${NO:-d} C=${A:+set} D=${NO+x}'],
      want: { ...BASE, Env: ['PATH=/bin', 'A=1', 'B=d', 'C=set', 'D='] },
    },
    { changes: ['ENV PATH=/opt:$PATH'], want: { ...BASE, Env: ['PATH=/opt:/bin', 'A=1'] } },
    {
      changes: ['EXPOSE 80 53/UDP 7000-7001'],
      want: { ...BASE, ExposedPorts: { '53/udp': {}, '7000/tcp': {}, '7001/tcp': {}, '80/tcp': {} } },
    },
    { changes: ['LABEL a=1 b="x y"', 'LABEL a=2'], want: { ...BASE, Labels: { a: '2', b: 'x y' } } },
    {
      changes: ['USER app:app', 'WORKDIR sub', 'STOPSIGNAL SIGINT'],
      want: { ...BASE, User: 'app:app', WorkingDir: '/app/sub', StopSignal: 'SIGINT' },
    },
    { changes: ['VOLUME ["/b", "/a"]', 'VOLUME /c'], want: { ...BASE, Volumes: { '/a': {}, '/b': {}, '/c': {} } } },
    { changes: ['ONBUILD RUN x'], want: { ...BASE, OnBuild: ['RUN x'] } },
    { changes: ['HEALTHCHECK NONE'], want: { ...BASE, Healthcheck: { Test: ['NONE'] } } },
    {
      changes: ['HEALTHCHECK --interval=5s --retries=2 --start-period=1m CMD curl -f x'],
      want: {
        ...BASE,
        Healthcheck: { Test: ['CMD-SHELL', 'curl -f x'], Interval: 5e9, Retries: 2, StartPeriod: 6e10 },
      },
    },
    { changes: ['HEALTHCHECK CMD ["a", "b"]'], want: { ...BASE, Healthcheck: { Test: ['CMD', 'a', 'b'] } } },
  ]
  for (const { changes, want } of cases)
    it(changes.join(' ; '), () => assert.deepEqual(applyChanges(BASE, changes), want))

  for (const change of [
    'RUN x',
    'CMD',
    'ENV =x',
    'LABEL novalue',
    'EXPOSE 0',
    'EXPOSE 70000',
    'EXPOSE 9-8',
    'HEALTHCHECK x',
    'HEALTHCHECK --retries=x CMD y',
    '',
    'ENV A="open',
    'ENV A=${',
  ])
    it(`refuses ${JSON.stringify(change)}`, () =>
      assert.throws(() => applyChanges(BASE, [change]), { name: 'InvalidRequestError' }))

  it('equal configurations have equal bytes, whatever the order of their keys', () => {
    const make = (config: ImageRuntimeConfig): string =>
      encodeConfig(
        toImageConfig({ architecture: 'amd64', created: '2026-01-01T00:00:00Z', config, diffIds: [], history: [] }),
      )
    assert.equal(make({ User: 'a', Labels: { x: '1', y: '2' } }), make({ Labels: { y: '2', x: '1' }, User: 'a' }))
  })
})
