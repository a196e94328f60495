import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  conflicts,
  parseContainerPort,
  parseHostPort,
  parsePortWishes,
  toPortMap,
} from '../../../src/network/bindings.ts'

const none = { portBindings: {}, publishAll: false, exposedPorts: [] }

test('ports as text', () => {
  assert.deepEqual(parseContainerPort('80'), { port: 80, protocol: 'tcp' })
  assert.deepEqual(parseContainerPort('53/udp'), { port: 53, protocol: 'udp' })
  for (const text of ['', '0', '65536', '80/icmp', '80/tcp/x', '-1', '8e1', '80-81'])
    assert.throws(() => parseContainerPort(text), { code: 'INVALID_PORT' }, text)
  assert.deepEqual(parseHostPort(''), { first: 0, last: 0 })
  assert.deepEqual(parseHostPort('0'), { first: 0, last: 0 })
  assert.deepEqual(parseHostPort('8000-8010'), { first: 8000, last: 8010 })
  for (const text of ['8010-8000', 'x', '70000', '1-2-3', '-5', '80-'])
    assert.throws(() => parseHostPort(text), { code: 'INVALID_PORT' }, text)
})

test('wishes keep their order; an empty list is any port', () => {
  const wishes = parsePortWishes({
    ...none,
    portBindings: { '80/tcp': [{ HostPort: '8080' }, { HostIp: '127.0.0.1', HostPort: '80-90' }], '53/udp': [] },
  })
  assert.deepEqual(wishes, [
    { protocol: 'tcp', containerPort: 80, hostIp: '', first: 8080, last: 8080 },
    { protocol: 'tcp', containerPort: 80, hostIp: '127.0.0.1', first: 80, last: 90 },
    { protocol: 'udp', containerPort: 53, hostIp: '', first: 0, last: 0 },
  ])
  assert.throws(() => parsePortWishes({ ...none, portBindings: { '80/tcp': [{ HostIp: 'localhost' }] } }), {
    code: 'INVALID_PORT',
  })
})

test('publish all adds the exposed ports that have no binding', () => {
  const wishes = parsePortWishes({
    portBindings: { '80/tcp': [{ HostPort: '8080' }] },
    publishAll: true,
    exposedPorts: ['80/tcp', '443/tcp'],
  })
  assert.deepEqual(
    wishes.map(({ containerPort, first }) => [containerPort, first]),
    [
      [80, 8080],
      [443, 0],
    ],
  )
})

test('conflicts', () => {
  const at = (hostIp: string, hostPort = 80, protocol: 'tcp' | 'udp' = 'tcp') => ({ hostIp, hostPort, protocol })
  assert.ok(conflicts(at('0.0.0.0'), at('127.0.0.1')))
  assert.ok(conflicts(at('127.0.0.1'), at('0.0.0.0')))
  assert.ok(conflicts(at('::'), at('fd00::1')))
  assert.ok(!conflicts(at('127.0.0.1'), at('127.0.0.2')))
  assert.ok(!conflicts(at('0.0.0.0'), at('::')))
  assert.ok(!conflicts(at('0.0.0.0'), at('0.0.0.0', 80, 'udp')))
  assert.ok(!conflicts(at('0.0.0.0'), at('0.0.0.0', 81)))
})

test('the port map: exposed ports are null, sorted by number', () => {
  const published = [
    { protocol: 'tcp' as const, hostIp: '0.0.0.0', hostPort: 8080, containerPort: 80, containerIp: '172.18.0.2' },
    { protocol: 'tcp' as const, hostIp: '::', hostPort: 8080, containerPort: 80, containerIp: 'fd00::2' },
  ]
  assert.deepEqual(Object.entries(toPortMap(published, ['443', '9/udp', '80/tcp'])), [
    ['9/udp', null],
    [
      '80/tcp',
      [
        { HostIp: '0.0.0.0', HostPort: '8080' },
        { HostIp: '::', HostPort: '8080' },
      ],
    ],
    ['443/tcp', null],
  ])
})
