import assert from 'node:assert/strict'
import { test } from 'node:test'
import { committedConfig } from '../../../../src/engine/containers/commit.ts'

const own = {
  Hostname: 'abc',
  Tty: true,
  Image: 'web',
  User: '',
  Env: ['A=1'],
  Cmd: ['run'],
  Labels: { 'com.docker.compose.project': 'p', kept: 'yes' },
}

test('what is of the container alone stays out, so do the marks of a project', () => {
  assert.deepEqual(committedConfig(own, {}, []), { Env: ['A=1'], Cmd: ['run'], Labels: { kept: 'yes' } })
})

test('the request goes over the container, the instructions over both', () => {
  const config = committedConfig(own, { Cmd: ['other'], Env: ['B=2'] }, ['USER me', 'ENV C=3', 'LABEL a=b'])
  assert.deepEqual(config.Cmd, ['other'])
  assert.deepEqual(new Set(config.Env), new Set(['A=1', 'B=2', 'C=3']))
  assert.deepEqual([config.User, config.Labels], ['me', { kept: 'yes', a: 'b' }])
})

test('an entry point takes the old command away', () => {
  assert.equal(committedConfig(own, {}, ['ENTRYPOINT ["x"]']).Cmd, undefined)
})

test('a mistake in an instruction is an error', () => {
  assert.throws(() => committedConfig(own, {}, ['RUN make']), { code: 'IMAGE_CHANGE' })
})
