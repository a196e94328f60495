import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConfigErrors, MycomposeError, NotFoundError } from '../../../src/errors.ts'
import type { ProgressEvent } from '../../../src/events.ts'
import { errorJson, formatBug, formatError } from '../../../src/cli/output/error.ts'
import { createFrame } from '../../../src/cli/output/listr.ts'
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

test('a frame counts, aligns, sums the parts of a resource and stops the clock of what has ended', () => {
  const frame = createFrame()
  frame.apply({ id: 'Image web', status: 'working', text: 'Pulling' }, 0)
  frame.apply({ id: 'layer1', parentId: 'Image web', status: 'working', text: 'x', current: 1e6, total: 3e6 }, 100)
  frame.apply({ id: 'layer2', parentId: 'Image web', status: 'working', text: 'x', current: 2e6, total: 4e6 }, 200)
  frame.apply({ id: 'Network n', status: 'working', text: 'Creating' }, 300)
  frame.apply({ id: 'Network n', status: 'done', text: 'Created' }, 800)
  assert.equal(
    frame.format(2000, '*', plainStyle),
    'Running 1/2\n* Image web Pulling 3MB/7MB 2.0s\n✔ Network n Created         0.5s',
  )
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
