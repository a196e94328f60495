import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandLine, mergeConfig } from '../../../../src/engine/containers/merge-config.ts'

const image = {
  Cmd: ['serve'],
  Entrypoint: ['/entry'],
  Env: ['A=1', 'B=2'],
  User: 'app',
  WorkingDir: '/app',
  Labels: { x: 'image', y: 'image' },
  Healthcheck: { Test: ['CMD', 'probe'], Interval: 5, Retries: 7 },
}

const COMMANDS = [
  { name: 'nothing given', own: {}, want: ['/entry', 'serve'] },
  { name: 'command', own: { Cmd: ['x'] }, want: ['/entry', 'x'] },
  { name: 'entrypoint drops the image command', own: { Entrypoint: ['/e'] }, want: ['/e'] },
  { name: 'both', own: { Entrypoint: ['/e'], Cmd: ['x'] }, want: ['/e', 'x'] },
  { name: 'empty entrypoint', own: { Entrypoint: [''], Cmd: ['x'] }, want: ['x'] },
]
for (const { name, own, want } of COMMANDS)
  test(name, () => {
    const { path, args } = commandLine(mergeConfig(own, image))
    assert.deepEqual([path, ...args], want)
  })

test('nothing to run is an error', () => assert.throws(() => commandLine(mergeConfig({}, {})), /no command specified/))

test('environment, labels, user and folder', () => {
  const merged = mergeConfig({ Env: ['B=3', 'A', 'C=4'], Labels: { y: 'own' } }, image)
  assert.deepEqual(merged.Env, ['B=3', 'C=4'])
  assert.deepEqual(merged.Labels, { x: 'image', y: 'own' })
  assert.deepEqual([merged.User, merged.WorkingDir], ['app', '/app'])
  assert.equal(mergeConfig({ User: '5' }, image).User, '5')
})

test('health checks are inherited field by field', () => {
  assert.deepEqual(mergeConfig({ Healthcheck: { Interval: 9 } }, image).Healthcheck, {
    Test: ['CMD', 'probe'],
    Interval: 9,
    Retries: 7,
  })
  assert.deepEqual(mergeConfig({ Healthcheck: { Test: ['NONE'] } }, image).Healthcheck?.Test, ['NONE'])
})
