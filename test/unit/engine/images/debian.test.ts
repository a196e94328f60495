import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { explainBootstrapFailure } from '../../../../src/engine/images/bootstrap-errors.ts'
import { isLeftOut } from '../../../../src/engine/images/debian-packages.ts'
import {
  aptOptions,
  aptSources,
  isPackageName,
  parseDebianBase,
  releaseDateSeconds,
} from '../../../../src/engine/images/debian.ts'
import { ToolError } from '../../../../src/errors.ts'

describe('Debian bases', () => {
  it('by codename or number, slim or not', () => {
    assert.deepEqual(parseDebianBase('debian:12'), { codename: 'bookworm', slim: false })
    assert.deepEqual(parseDebianBase('debian:trixie-slim'), { codename: 'trixie', slim: true })
    for (const other of ['debian', 'debian:latest', 'ubuntu:24.04', 'debian:bookworm-slim; rm'])
      assert.throws(() => parseDebianBase(other), { code: 'BOOTSTRAP_UNKNOWN' })
  })

  it('the mirror is the one that the machine uses, for the suite asked for', () => {
    const targets = [
      'https://packages.example/apt nodistro',
      'https://mirror.example/debian/ bookworm-updates',
      'https://mirror.example/debian/ bookworm',
      'http://mirror.example/security/ bookworm-security',
    ].join('\n')
    assert.deepEqual(aptSources('trixie', targets), [
      'deb http://mirror.example/debian trixie main',
      'deb http://mirror.example/debian trixie-updates main',
      'deb http://mirror.example/security trixie-security main',
    ])
    assert.match(aptSources('bookworm', 'http://archive.ubuntu.com/ubuntu noble')[0] ?? '', /deb\.debian\.org/)
  })

  it('proxies and date checks are carried, nothing else', () => {
    const dump = [
      'Acquire::http::Proxy "http://proxy:3128";',
      'Acquire::Check-Valid-Until "false";',
      'Acquire::http::Proxy-Auto-Detect "/usr/bin/run-me";',
      'DPkg::Post-Invoke:: "rm -rf /";',
      'Acquire::http::Proxy "x"; APT::Update::Post-Invoke "y";',
    ].join('\n')
    const options = aptOptions(dump).split('\n')
    assert.deepEqual(options.slice(0, 2), dump.split('\n').slice(0, 2))
    assert.doesNotMatch(options.join('\n'), /Invoke|Auto-Detect/)
  })

  it('the date is that of the newest release file', () =>
    assert.equal(
      releaseDateSeconds([
        'Origin: Debian\nDate: Sat, 10 Jan 2026 10:00:00 UTC\n',
        'Date: Fri, 09 Jan 2026 10:00:00 UTC\n',
        'none',
      ]),
      Date.UTC(2026, 0, 10, 10) / 1000,
    ))

  it('package names that apt could take for options or patterns are none', () => {
    for (const name of ['nginx-light', 'g++', 'libc6:amd64', 'redis=5:7.0.15-1~deb12u1'])
      assert.ok(isPackageName(name), name)
    for (const name of ['-y', '--x', 'a b', '../x.deb', './x', '', 'A', 'x*', 'nginx-', 'task^'])
      assert.ok(!isPackageName(name), name)
  })

  it('caches, logs and our own files stay out of the layer; their folders do not', () => {
    for (const path of [
      './var/lib/apt/lists/x',
      './run/mycompose-apt.conf',
      './etc/resolv.conf',
      './var/log/dpkg.log',
      './var/lib/dpkg/status-old',
    ])
      assert.ok(isLeftOut(path), path)
    for (const path of [
      './var/lib/apt/lists',
      './run',
      './var/log/postgresql',
      './etc/nginx/nginx.conf',
      './var/lib/dpkg/status',
    ])
      assert.ok(!isLeftOut(path), path)
  })
})

describe('bootstrap failures', () => {
  const failed = (stderrTail: string): ToolError =>
    new ToolError('x failed', { argv: ['mmdebstrap'], toolExitCode: 100, stderrTail })
  const cases: readonly (readonly [string, ToolError, object])[] = [
    ['package', failed('E: Unable to locate package nginxx'), { code: 'PACKAGE_NOT_FOUND', message: /"nginxx"/ }],
    [
      'mirror',
      failed("Err:1 http://m x\n  Could not resolve 'm'"),
      { code: 'MIRROR_UNREACHABLE', message: /cannot reach the package mirror deb http/ },
    ],
    [
      'date',
      failed('E: Release file for http://m is expired (invalid since 9d)'),
      { code: 'MIRROR_EXPIRED', hint: /clock/ },
    ],
    [
      'tool',
      failed('unshare: failed to execute mmdebstrap: No such file or directory'),
      { code: 'TOOL_MISSING', hint: 'apt-get install mmdebstrap' },
    ],
    ['other', failed('dpkg: error processing x'), { code: 'TOOL_FAILED', message: /dpkg: error processing x/ }],
  ]
  for (const [name, error, want] of cases)
    it(name, () =>
      assert.throws(() => {
        throw explainBootstrapFailure(error, 'deb http://m bookworm main')
      }, want),
    )
})
