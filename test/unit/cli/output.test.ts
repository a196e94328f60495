import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConfigErrors, MycomposeError, NotFoundError } from '../../../src/errors.ts'
import type { ProgressEvent } from '../../../src/events.ts'
import { errorJson, formatBug, formatError } from '../../../src/cli/output/error.ts'
import { createFrame } from '../../../src/cli/output/frame.ts'
import { createParts, formatBar } from '../../../src/cli/output/parts.ts'
import { formatPorts } from '../../../src/cli/output/ports.ts'
import { formatAgo } from '../../../src/cli/output/relative-time.ts'
import { createRenderer } from '../../../src/cli/output/renderer.ts'
import { loadStyle, plainStyle } from '../../../src/cli/output/style.ts'
import { formatTable, truncate } from '../../../src/cli/output/table.ts'
import { splitReference } from '../../../src/cli/commands/image-names.ts'
import { matchGolden, Sink } from './harness.ts'

const EVENTS: readonly ProgressEvent[] = [
  { id: 'Network p_default', status: 'working', text: 'Creating' },
  { id: 'Network p_default', status: 'done', text: 'Created' },
  { id: 'Container p-db-1', status: 'working', text: 'Recreate', details: 'config hash diverged' },
  { id: 'Image web', status: 'working', text: 'Pulling', current: 512, total: 2048 },
  { id: 'Container p-db-1', status: 'error', text: 'Error', details: 'exited (1)' },
  { id: 'Container p-old-1', status: 'warning', text: 'Skipped' },
]

async function render(progress: 'tty' | 'plain' | 'json' | 'quiet', dryRun = false): Promise<string> {
  const stderr = new Sink()
  const io = { stderr: stderr }
  const renderer = await createRenderer(io, { progress, ansi: 'never', dryRun })
  for (const event of EVENTS) renderer.progress(event)
  renderer.notice({ level: 'warning', text: 'Found orphan containers' })
  renderer.notice({ level: 'warning', text: 'Found orphan containers' })
  await renderer.settle()
  return stderr.text
}

describe('progress', () => {
  test('plain', async (t) => matchGolden(t, 'progress-plain.txt', await render('plain')))
  test('plain, dry run', async (t) => matchGolden(t, 'progress-plain-dry-run.txt', await render('plain', true)))
  test('plain: layers that come side by side do not repeat themselves', async () => {
    const stderr = new Sink()
    const renderer = await createRenderer({ stderr }, { progress: 'plain', ansi: 'never', dryRun: false })
    const layer = (id: string, text: string, current: number): void =>
      renderer.progress({ id, parentId: 'Image web', status: 'working', text, current, total: 4 })
    for (const current of [1, 2, 3, 4]) {
      layer('a', 'Downloading', current)
      layer('b', 'Downloading', current)
      layer('a', 'Extracting', current)
    }
    renderer.progress({ id: 'a', parentId: 'Image web', status: 'done', text: 'Pull complete' })
    assert.equal(stderr.text, ' a Downloading \n b Downloading \n a Extracting \n a Pull complete \n')
  })
  test('json: one object a line', async (t) => {
    const text = await render('json')
    for (const line of text.trimEnd().split('\n')) assert.equal(typeof JSON.parse(line), 'object')
    matchGolden(t, 'progress-json.txt', text)
  })
  test('quiet says nothing', async () => assert.equal(await render('quiet'), ''))

  test('tty: the last frame stays, through listr2', async () => {
    const text = await render('tty')
    const last = text.slice(text.lastIndexOf('[+] Running 1/4'))
    assert.match(last, /^\[\+\] Running 1\/4\n ! Found orphan containers\n ✔ Network p_default +Created/)
    assert.match(last, /\n ✖ Container p-db-1 +Error +0\.0s exited \(1\)/)
  })

  test('tty: a per cent sign in a message is shown as it is', async () => {
    const stderr = new Sink()
    const io = { stderr: stderr }
    const renderer = await createRenderer(io, { progress: 'tty', ansi: 'never', dryRun: false })
    renderer.progress({ id: 'Image a', status: 'done', text: '100%s' })
    await renderer.settle()
    assert.match(stderr.text, /Image a 100%s/)
  })

  test('tty: after oneLinePerEvent nothing is redrawn', async () => {
    const stderr = new Sink()
    const io = { stderr: stderr }
    const renderer = await createRenderer(io, { progress: 'tty', ansi: 'never', dryRun: false })
    renderer.oneLinePerEvent()
    renderer.progress({ id: 'Container p-a-1', status: 'done', text: 'Stopped' })
    await renderer.settle()
    assert.equal(stderr.text, ' Container p-a-1 Stopped \n')
  })

  const chosen: readonly (readonly [tty: boolean, ansi: 'auto' | 'never', want: 'tty' | 'plain'])[] = [
    [true, 'auto', 'tty'],
    [true, 'never', 'plain'],
    [false, 'auto', 'plain'],
  ]
  for (const [tty, ansi, want] of chosen)
    test(`auto is ${want} when the terminal is ${tty} and ansi ${ansi}`, async () => {
      const stderr = new Sink()
      stderr.isTTY = tty
      const io = { stderr: stderr }
      const renderer = await createRenderer(io, { progress: 'auto', ansi, dryRun: false })
      renderer.progress({ id: 'Volume v', status: 'done', text: 'Created' })
      await renderer.settle()
      assert.equal(stderr.text.includes('[+]'), want === 'tty')
    })
})

test('a frame counts, aligns, sums the layers of an image and stops the clock of what has ended', () => {
  const frame = createFrame()
  const layer = (id: string, text: string, current: number, total: number, nowMs: number): void =>
    frame.apply({ id, parentId: 'Image web', status: 'working', text, current, total }, nowMs)
  frame.apply({ id: 'Image web', status: 'working', text: 'Pulling' }, 0)
  layer('layer1', 'Downloading', 0, 3e6, 0)
  frame.apply({ id: 'layer2', parentId: 'Image web', status: 'working', text: 'Pulling fs layer' }, 0)
  frame.apply({ id: 'Network n', status: 'working', text: 'Creating' }, 300)
  frame.apply({ id: 'Network n', status: 'done', text: 'Created' }, 800)
  layer('layer1', 'Downloading', 1.5e6, 3e6, 1000)
  const shown = (nowMs: number, maxLines: number): string[] =>
    frame.format(nowMs, '*', plainStyle, maxLines).split('\n')
  assert.deepEqual(shown(1000, 20), [
    'Running 1/2',
    '* Image web Pulling [==========>         ] 1.5MB/3MB 1.5MB/s 1.0s',
    '  * layer1 Downloading      [==========>         ] 1.5MB/3MB',
    '  * layer2 Pulling fs layer',
    '✔ Network n Created                                          0.5s',
  ])
  // extracting overlaps with downloading; the first that is not complete is shown
  layer('layer1', 'Extracting', 1e6, 3e6, 1500)
  layer('layer1', 'Downloading', 3e6, 3e6, 2000)
  layer('layer2', 'Downloading', 1e6, 1e6, 2000)
  assert.deepEqual(shown(2000, 20).slice(1, 4), [
    '* Image web Pulling [============>       ] 4MB/4MB 2.0s',
    '  * layer1 Extracting  [======>             ] 1MB/3MB',
    '  * layer2 Downloading [====================] 1MB/1MB',
  ])
  frame.apply({ id: 'layer1', parentId: 'Image web', status: 'done', text: 'Pull complete' }, 3000)
  assert.equal(shown(3000, 20)[2], '  ✔ layer1 Pull complete')
  // where there is no room, those that are done go first; then the rest is a number; then only the image
  assert.deepEqual(shown(3000, 4), [...shown(3000, 20).slice(0, 2), '    and 2 more', shown(3000, 20)[4]])
  assert.deepEqual(shown(3000, 3).length, 3)
  frame.apply({ id: 'Image web', status: 'done', text: 'Pulled' }, 4000)
  assert.deepEqual(shown(4000, 20), ['Running 2/2', '✔ Image web Pulled  4.0s', '✔ Network n Created 0.5s'])
})

test('bars are as long as what they show, and no longer', () => {
  for (const [current, total, want] of [
    [0, 0, '[>                   ]'],
    [0, 10, '[>                   ]'],
    [5, 10, '[==========>         ]'],
    [9.99, 10, '[===================>]'],
    [10, 10, '[====================]'],
    [11, 10, '[====================]'],
  ] as const)
    assert.equal(formatBar({ current, total }), want)
})

test('twenty layers in a small terminal: those under way are shown', () => {
  const parts = createParts()
  for (let index = 0; index < 20; index += 1)
    parts.apply(
      { id: `l${index}`, status: index < 15 ? 'done' : 'working', text: index < 15 ? 'Pull complete' : 'Waiting' },
      0,
    )
  const mark = (): string => '*'
  assert.equal(parts.lines(20, mark).length, 20)
  assert.deepEqual(parts.lines(4, mark), ['  * l15 Waiting', '  * l16 Waiting', '  * l17 Waiting', '    and 17 more'])
  assert.deepEqual(parts.lines(0, mark), [])
  assert.deepEqual(parts.lines(-3, mark), [])
})

test('the rate is that of the last seconds', () => {
  const parts = createParts()
  for (let second = 0; second <= 20; second += 1) {
    const current = second <= 10 ? second * 1e6 : 10e6 + (second - 10) * 1e3
    parts.apply({ id: 'l', status: 'working', text: 'Downloading', current, total: 50e6 }, second * 1000)
    if (second === 10) assert.match(parts.summary(10_000), / 1MB\/s$/)
  }
  assert.match(parts.summary(20_000), / 1kB\/s$/)
  assert.match(parts.summary(28_000), / 385B\/s$/, 'and sinks when nothing comes')
})

describe('errors', () => {
  test('message and hint, control characters stripped', () => {
    const error = new NotFoundError('no such service: \u001B[31mx\r', { hint: 'did you mean web?' })
    assert.equal(formatError(error, plainStyle), 'error: no such service: [31mx\nhint: did you mean web?\n')
  })

  test('all problems of a file', (t) => {
    const location = { file: '/p/compose.yaml', line: 12, column: 5 }
    const sourceLine = '\t\t  imagee: nginx'
    const error = new ConfigErrors([
      { code: 'UNKNOWN_KEY', message: 'unknown key "imagee"', location, sourceLine, hint: 'did you mean "image"?' },
      { code: 'MISSING', message: 'service "db" has no image', chain: ['included by /p/compose.yaml:1:1'] },
    ])
    matchGolden(t, 'error-config.txt', formatError(error, plainStyle))
    const { code, problems } = JSON.parse(errorJson(error)) as { code: string; problems: unknown[] }
    assert.deepEqual([code, problems.length], ['UNKNOWN_KEY', 2])
  })

  test('of a line of a million characters, what is around the place', () => {
    const location = { file: '/p/compose.yaml', line: 1, column: 500_001 }
    const sourceLine = `${'a'.repeat(500_000)}Z${'b'.repeat(500_000)}`
    const error = new ConfigErrors([{ code: 'UNKNOWN_KEY', message: 'unknown', location, sourceLine }])
    const [, line = '', caret = ''] = formatError(error, plainStyle).split('\n')
    assert.equal(line.length, 400 + '  1 | '.length)
    assert.equal(line.indexOf('Z'), caret.indexOf('^'))
    assert.ok(errorJson(error).length < 1000)
  })

  test('a bug shows its causes', () => {
    const text = formatBug(new Error('outer', { cause: new Error('inner') }), '1.2.3')
    assert.match(text, /^mycompose 1\.2\.3 has a bug/)
    assert.match(text, /Error: outer[^]*caused by Error: inner/)
  })

  test('json has code and hint', () => {
    const error = new MycomposeError('port taken', { code: 'PORT_TAKEN', hint: 'stop it' })
    assert.equal(errorJson(error), '{"error":true,"message":"port taken","code":"PORT_TAKEN","hint":"stop it"}\n')
  })
})

describe('tables', () => {
  test('docker layout: at least ten wide, three blanks between, none at the end', () => {
    const text = formatTable(
      ['NAME', 'STATUS', 'PORTS'],
      [
        ['p-web-1-long-name', 'Up', ''],
        ['p', 'Exited', '80/tcp'],
      ],
    )
    assert.equal(
      text,
      'NAME                STATUS    PORTS\np-web-1-long-name   Up\np                   Exited    80/tcp\n',
    )
  })
  test('a cell cannot make lines or move the cursor', () => {
    assert.equal(formatTable(['A'], [['x\ny\u001B[2J']]), 'A\nx y[2J\n')
  })
  test('truncation counts characters', () => {
    assert.equal(truncate('äöü', 3), 'äöü')
    assert.equal(truncate('äöüx', 3), 'äö…')
  })
})

describe('ports', () => {
  const tcp = (IP: string | undefined, PrivatePort: number, PublicPort?: number) => ({
    ...(IP === undefined ? {} : { IP }),
    PrivatePort,
    ...(PublicPort === undefined ? {} : { PublicPort }),
    Type: 'tcp' as const,
  })
  const cases = [
    { input: [], want: '' },
    { input: [tcp(undefined, 5432)], want: '5432/tcp' },
    { input: [tcp('::', 80, 8080), tcp('0.0.0.0', 80, 8080)], want: '0.0.0.0:8080->80/tcp, [::]:8080->80/tcp' },
    {
      input: [tcp('0.0.0.0', 81, 8081), tcp('0.0.0.0', 80, 8080), tcp('0.0.0.0', 82, 9000)],
      want: '0.0.0.0:8080-8081->80-81/tcp, 0.0.0.0:9000->82/tcp',
    },
    { input: [tcp(undefined, 80), tcp(undefined, 81)], want: '80-81/tcp' },
  ]
  for (const { input, want } of cases) test(want, () => assert.equal(formatPorts(input), want))
})

test('relative times are those of the docker CLI', () => {
  const seconds: readonly (readonly [number, string])[] = [
    [0, 'Less than a second ago'],
    [1, '1 second ago'],
    [59, '59 seconds ago'],
    [60, 'About a minute ago'],
    [125, '2 minutes ago'],
    [3600, 'About an hour ago'],
    [3 * 3600, '3 hours ago'],
    [72 * 3600, '3 days ago'],
    [21 * 24 * 3600, '3 weeks ago'],
    [90 * 24 * 3600, '3 months ago'],
    [3 * 365 * 24 * 3600, '3 years ago'],
  ]
  for (const [age, want] of seconds) assert.equal(formatAgo(1000, (1000 + age) * 1000), want)
})

test('references: a colon before a slash is a port', () => {
  assert.deepEqual(splitReference('localhost:5000/a/b'), { repository: 'localhost:5000/a/b', tag: '<none>' })
  assert.deepEqual(splitReference('localhost:5000/a:1'), { repository: 'localhost:5000/a', tag: '1' })
})

test('styles have docker compose’s palette only when colours are wanted', async () => {
  const style = await loadStyle(true)
  assert.deepEqual(
    style.palette.slice(0, 5).map((paint) => paint('x')),
    ['36', '33', '32', '35', '34'].map((code) => `\u001B[${code}mx\u001B[39m`),
  )
  assert.equal((await loadStyle(false)).palette[0]?.('x'), 'x')
})
