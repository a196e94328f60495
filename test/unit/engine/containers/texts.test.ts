import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatHosts, parseExtraHost } from '../../../../src/engine/containers/etc-files.ts'
import { parseSignal } from '../../../../src/engine/containers/signals.ts'
import { humanDuration } from '../../../../src/engine/containers/status-text.ts'
import { parseProcessTable } from '../../../../src/engine/containers/top.ts'

const S = 1000
const DURATIONS: [number, string][] = [
  [900, 'Less than a second'],
  [1 * S, '1 second'],
  [59 * S, '59 seconds'],
  [61 * S, 'About a minute'],
  [120 * S, '2 minutes'],
  [3600 * S, 'About an hour'],
  [2 * 3600 * S, '2 hours'],
  [47 * 3600 * S, '47 hours'],
  [48 * 3600 * S, '2 days'],
  [15 * 86_400 * S, '2 weeks'],
  [61 * 86_400 * S, '2 months'],
  [800 * 86_400 * S, '2 years'],
]
for (const [ms, want] of DURATIONS) test(`duration ${want}`, () => assert.equal(humanDuration(ms), want))

test('hosts: own names, extra hosts, host-gateway, IPv6 only where it is', () => {
  const input = {
    hostname: 'web',
    domainname: 'example.org',
    ipv6: false,
    extraHosts: ['db:10.0.0.9', 'six=[fd00::1]', 'host.docker.internal:host-gateway', 'nonsense'],
    hostGateway: '172.18.0.1',
    addresses: ['172.18.0.2'],
  }
  assert.equal(
    formatHosts(input),
    '127.0.0.1\tlocalhost\n10.0.0.9\tdb\nfd00::1\tsix\n172.18.0.1\thost.docker.internal\n172.18.0.2\tweb.example.org\tweb\n',
  )
  assert.match(formatHosts({ ...input, ipv6: true }), /^::1\tlocalhost ip6-localhost ip6-loopback$/m)
  assert.doesNotMatch(formatHosts({ ...input, hostGateway: undefined }), /host\.docker/)
  assert.deepEqual(parseExtraHost('a:1.2.3.4'), ['a', '1.2.3.4'])
})

const SIGNALS: [string, number][] = [
  ['SIGTERM', 15],
  ['term', 15],
  ['9', 9],
  ['SIGRTMIN+3', 37],
  ['RTMAX-1', 63],
  ['SIGQUIT', 3],
]
for (const [text, want] of SIGNALS) test(`signal ${text}`, () => assert.equal(parseSignal(text), want))
for (const text of ['', '0', '65', 'SIGNOPE', '-9', 'SIGRTMIN+99'])
  test(`refuses the signal ${JSON.stringify(text)}`, () =>
    assert.throws(() => parseSignal(text), { code: 'INVALID_REQUEST' }))

test('top keeps the rows of the container and the blanks of the last column', () => {
  const text = 'UID PID PPID CMD\nroot 10 1 sh -c a  b\nroot 11 1 other\n'
  assert.deepEqual(parseProcessTable(text, new Set([10])), {
    Titles: ['UID', 'PID', 'PPID', 'CMD'],
    Processes: [['root', '10', '1', 'sh -c a b']],
  })
  assert.throws(() => parseProcessTable('A B\n', new Set()), /PID/)
})
