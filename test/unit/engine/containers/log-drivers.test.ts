import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerDocument } from '../../../../src/state/containers.ts'
import { detailsText, logTag } from '../../../../src/engine/containers/logs/attributes.ts'
import { createEntryReader } from '../../../../src/engine/containers/logs/entries.ts'
import { createJournaldFormat, journaldFieldName } from '../../../../src/engine/containers/logs/journald.ts'
import { isReadable, parseLogConfig } from '../../../../src/engine/containers/logs/log-config.ts'
import { nextLookMs } from '../../../../src/engine/containers/logs/keeper.ts'
import { parsePosition } from '../../../../src/engine/containers/logs/ship.ts'
import { parseSyslogAddress, parseSyslogOptions } from '../../../../src/engine/containers/logs/syslog-config.ts'
import { createSyslogFormat } from '../../../../src/engine/containers/logs/syslog.ts'

const MIB = 1024 * 1024

function container(type: string, options: Record<string, string>): ContainerDocument {
  return {
    id: 'a'.repeat(64),
    name: 'p-web-1',
    image: { reference: 'busybox', id: `sha256:${'b'.repeat(64)}`, chainIds: [], platform: 'linux' },
    path: 'sh',
    args: ['-c', 'true'],
    config: { Labels: { 'com.x.team': 'core', other: '1' }, Env: ['STAGE=pro d', 'SECRET=x'] },
    hostConfig: { LogConfig: { Type: type, Config: options } },
  } as unknown as ContainerDocument
}

test('what each driver keeps', () => {
  assert.deepEqual(parseLogConfig(undefined).retention, { maxBytes: undefined, maxFiles: 1, compress: false })
  assert.deepEqual(parseLogConfig({ Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } }).retention, {
    maxBytes: 10 * MIB,
    maxFiles: 3,
    compress: false,
  })
  const bounded = { maxBytes: 20 * MIB, maxFiles: 5, compress: true }
  for (const Type of ['local', 'journald', 'syslog']) assert.deepEqual(parseLogConfig({ Type }).retention, bounded)
  assert.equal(isReadable({ Type: 'none' }), false)
  assert.equal(isReadable({ Type: 'syslog', Config: { 'cache-disabled': 'true' } }), false)
  assert.equal(isReadable({ Type: 'syslog' }), true)
})

for (const [driver, options, message] of [
  ['gelf', {}, /logging driver "gelf" is not supported/],
  ['json-file', { 'max-sizes': '1m' }, /unknown log option "max-sizes" for logging driver "json-file"/],
  ['json-file', { 'max-size': 'big' }, /"max-size": "big"/],
  ['json-file', { 'max-size': '1m', 'max-file': '0' }, /"max-file": "0"/],
  ['json-file', { 'max-file': '3' }, /"max-file" has no effect without "max-size"/],
  ['json-file', { compress: 'true' }, /"compress" needs "max-size"/],
  ['json-file', { mode: 'maybe' }, /"mode": "maybe"/],
  ['json-file', { 'labels-regex': '(' }, /"labels-regex"/],
  ['syslog', { 'syslog-address': 'http://x' }, /"syslog-address": "http:\/\/x"/],
  ['syslog', { 'syslog-facility': 'local9' }, /"syslog-facility": "local9"/],
  ['syslog', { 'syslog-format': 'xml' }, /"syslog-format": "xml"/],
] as const)
  test(`refused by name: ${driver} ${JSON.stringify(options)}`, () => {
    assert.throws(() => parseLogConfig({ Type: driver, Config: options }), { code: 'INVALID_LOG_CONFIG', message })
  })

test('addresses of syslog', () => {
  assert.deepEqual(parseSyslogAddress('udp://192.0.2.1:123'), { kind: 'udp', host: '192.0.2.1', port: 123 })
  assert.deepEqual(parseSyslogAddress('tcp://[::1]'), { kind: 'tcp', host: '::1', port: 514 })
  assert.deepEqual(parseSyslogAddress('tcp+tls://logs.example'), {
    kind: 'tcp+tls',
    host: 'logs.example',
    port: 6514,
  })
  assert.deepEqual(parseSyslogAddress('unix:///dev/log'), { kind: 'unix', path: '/dev/log' })
})

test('tag and attributes', () => {
  assert.equal(logTag(container('syslog', {})), 'a'.repeat(12))
  assert.equal(logTag(container('syslog', { tag: '{{.ImageName}}/{{.Name}}' })), 'busybox/p-web-1')
  assert.throws(() => logTag(container('syslog', { tag: '{{.Nope}}' })), /unknown field "{{.Nope}}"/)
  assert.equal(
    detailsText(container('json-file', { labels: 'com.x.team', 'env-regex': '^ST' })),
    'STAGE=pro+d,com.x.team=core ',
  )
})

const line = (stream: string, tag: string, text: string): string =>
  `2026-11-01T09:05:07.123456789+00:00 ${stream} ${tag} ${text}\n`

test('parts are joined to lines, and cut where docker cuts', () => {
  const reader = createEntryReader()
  const bytes = Buffer.from(
    line('stdout', 'P', 'half ') +
      line('stderr', 'F', 'err') +
      line('stdout', 'F', 'whole\r') +
      line('stdout', 'P', 'x'),
  )
  const { entries, consumed } = reader.push(bytes)
  assert.deepEqual(
    entries.map(({ stream, text }) => `${stream} ${text.toString()}`),
    ['stderr err', 'stdout half whole'],
  )
  assert.equal(consumed, bytes.length)
  assert.equal(reader.isPending, true)
  assert.deepEqual(
    reader.end().map(({ text }) => text.toString()),
    ['x'],
  )
  const long = line('stdout', 'P', 'y'.repeat(8000)).repeat(3) + line('stdout', 'F', 'z')
  assert.deepEqual(
    createEntryReader()
      .push(Buffer.from(long))
      .entries.map(({ text, piece }) => [text.length, piece?.ordinal, piece?.isLast]),
    [
      [16000, 1, false],
      [8001, 2, true],
    ],
  )
})

const ENTRY = { time: '2026-11-01T09:05:07.123456789Z', stream: 'stderr' as const, text: Buffer.from('hello\u0000é') }

test('syslog formats', () => {
  const format = (name: string, address = 'udp://h'): string =>
    createSyslogFormat(
      container('syslog', { tag: 'my tag' }),
      parseSyslogOptions({ 'syslog-format': name, 'syslog-address': address, 'syslog-facility': 'local3' }),
      { hostname: 'box', pid: 7 },
    )(ENTRY).toString()
  assert.equal(format('rfc5424micro'), '<155>1 2026-11-01T09:05:07.123456Z box my_tag 7 my_tag - hello\u0000é\n')
  assert.equal(format('rfc5424'), '<155>1 2026-11-01T09:05:07Z box my_tag 7 my_tag - hello\u0000é\n')
  assert.match(format('rfc3164'), /^<155>(Oct|Nov) [ \d]\d \d\d:\d\d:07 box my tag\[7\]: hello/)
  assert.match(format(''), /^<155>(Oct|Nov) [ \d]\d \d\d:\d\d:07 my tag\[7\]: hello/)
  const counted = format('rfc5424', 'tcp+tls://h')
  assert.equal(Number(counted.split(' ')[0]), Buffer.byteLength(counted.slice(counted.indexOf(' ') + 1)))
})

test('journald: docker’s fields, and none that a value can forge', () => {
  assert.equal(journaldFieldName('_com.x-team'), 'COM_X_TEAM')
  const forging = container('journald', { labels: 'com.x.team' })
  const text = createJournaldFormat({
    ...forging,
    config: { Labels: { 'com.x.team': 'a\nPRIORITY=0' } },
  })(ENTRY).toString('latin1')
  assert.match(text, /^MESSAGE=hello/)
  assert.ok(text.includes('\nPRIORITY=3\n') && text.includes('\nCONTAINER_NAME=p-web-1\n'))
  assert.ok(text.includes('\nCOM_X_TEAM\n\u000c\u0000\u0000\u0000\u0000\u0000\u0000\u0000a\nPRIORITY=0\n'))
})

test('the place of a copy', () => {
  assert.deepEqual(parsePosition('3 12345                        \n'), { file: 3, offset: 12345 })
  assert.deepEqual(parsePosition(undefined), { file: 0, offset: 0 })
  assert.deepEqual(parsePosition('garbage'), { file: 0, offset: 0 })
})

test('a log is looked at the more often the faster it grows', () => {
  assert.equal(nextLookMs(MIB, 0), 250)
  assert.equal(nextLookMs(20 * MIB, 300_000), 34)
  assert.equal(nextLookMs(100, 300_000), 10)
})
