/** The views of builds: plain lines, pictures on a terminal, JSON, warnings and failures. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BuildMessage } from '../../../../src/api/types/build.ts'
import { formatExcerpt } from '../../../../src/cli/output/build/excerpt.ts'
import { formatFrame } from '../../../../src/cli/output/build/frame.ts'
import { createJsonBuildView } from '../../../../src/cli/output/build/json.ts'
import { createPlainBuildView } from '../../../../src/cli/output/build/plain.ts'
import { createBuildScreen } from '../../../../src/cli/output/build/screen.ts'
import { createSteps } from '../../../../src/cli/output/build/steps.ts'
import { cleanLine, createLineCutter, displayWidth, truncate } from '../../../../src/cli/output/build/text.ts'
import { errorJson, formatError } from '../../../../src/cli/output/error.ts'
import { plainStyle } from '../../../../src/cli/output/style.ts'
import { BuildError } from '../../../../src/project/build/failure.ts'
import { Sink } from '../harness.ts'

const step = (id: string, name: string): BuildMessage => ({ kind: 'step', id, name, inputs: [] })
const started = (id: string, timeMs: number): BuildMessage => ({ kind: 'started', id, timeMs })
const ended = (id: string, timeMs: number, cached = false): BuildMessage => ({ kind: 'ended', id, timeMs, cached })
const output = (id: string, data: string): BuildMessage => ({ kind: 'output', id, stream: 'stdout', data })

function clock(): { nowMs: () => number; at: (ms: number) => void } {
  let now = 0
  return { nowMs: () => now, at: (ms) => void (now = ms) }
}

test('plain: one step after the other, with the time of each line', () => {
  const stderr = new Sink()
  const { nowMs, at } = clock()
  const view = createPlainBuildView(stderr, plainStyle, nowMs)
  for (const one of [
    step('a', '[internal] load build context'),
    step('b', '[1/2] FROM debian'),
    step('c', '[2/2] RUN x'),
  ])
    view.message(undefined, one)
  view.message(undefined, started('a', 0))
  view.message(undefined, { kind: 'progress', id: 'a', part: 'transferring context', current: 2048, unit: 'bytes' })
  view.message(undefined, ended('a', 100))
  view.message(undefined, ended('b', 100, true))
  view.message(undefined, started('c', 100))
  at(1334)
  view.message(undefined, output('c', 'one\ntw'))
  at(1500)
  view.message(undefined, output('c', 'o\nlast'))
  view.message(undefined, ended('c', 2200))
  void view.close()
  assert.equal(
    stderr.text,
    `#1 [internal] load build context
#1 transferring context: 2.05kB done
#1 DONE 0.1s

#2 [1/2] FROM debian
#2 CACHED

#3 [2/2] RUN x
#3 1.234 one
#3 1.400 two
#3 1.400 last
#3 DONE 2.1s

`,
  )
})

test('plain: steps side by side take turns', () => {
  const stderr = new Sink()
  const { nowMs, at } = clock()
  const view = createPlainBuildView(stderr, plainStyle, nowMs)
  view.message('web', step('a', '[1/1] RUN a'))
  view.message('db', step('a', '[1/1] RUN a'))
  view.message('web', started('a', 0))
  view.message('db', started('a', 0))
  view.message('web', output('a', 'w1\n'))
  view.message('db', output('a', 'd1\n'))
  at(5000)
  view.message('db', output('a', 'd2\n'))
  view.message('web', output('a', 'w2\n'))
  view.message('db', ended('a', 5000))
  view.message('web', ended('a', 6000))
  assert.equal(
    stderr.text,
    `#1 [web 1/1] RUN a
#1 0.000 w1
#1 ...

#2 [db 1/1] RUN a
#2 0.000 d1
#2 5.000 d2
#2 DONE 5.0s

#1 [web 1/1] RUN a
#1 5.000 w2
#1 DONE 6.0s

`,
  )
})

test('plain: a failure and what was given up', () => {
  const stderr = new Sink()
  const view = createPlainBuildView(stderr, plainStyle, () => 0)
  view.message(undefined, step('a', '[1/2] RUN false'))
  view.message(undefined, step('b', '[2/2] RUN sleep'))
  view.message(undefined, started('a', 0))
  view.message(undefined, started('b', 0))
  view.message(undefined, { kind: 'ended', id: 'a', timeMs: 0, cached: false, error: 'exit code: 1' })
  view.message(undefined, { kind: 'ended', id: 'b', timeMs: 0, cached: false, error: 'x', canceled: true })
  assert.equal(stderr.text, '#1 [1/2] RUN false\n#1 ERROR: exit code: 1\n\n#2 [2/2] RUN sleep\n#2 CANCELED\n\n')
})

test('what still ran when the user gave up is canceled, in lines and in the picture', async () => {
  for (const create of [createPlainBuildView, createBuildScreen]) {
    const stderr = new Sink()
    const view = create(stderr, plainStyle, () => 2000)
    view.message(undefined, step('a', '[1/1] RUN sleep'))
    view.message(undefined, started('a', 0))
    await view.close()
    assert.match(stderr.text, /^#1 CANCELED$|^ => CANCELED \[1\/1\] RUN sleep +2\.0s/m)
  }
})

test('a line cannot move the cursor, and is as it was last', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['plain', 'plain'],
    ['\u001B[31mred\u001B[0m', 'red'],
    ['a\u001B[2K\u001B[1Gb', 'ab'],
    ['\u001B]0;title\u0007x', 'x'],
    ['\u001B]8;;http://x\u001B\\link\u001B]8;;\u001B\\', 'link'],
    ['10%\r50%\r100%', '100%'],
    ['done\r', 'done'],
    ['bell\u0007\u0000', 'bell'],
    ['a\tb', 'a    b'],
    ['\u202Eevil', 'evil'],
  ]
  for (const [input, want] of cases) assert.equal(cleanLine(input), want, JSON.stringify(input))
})

test('lines are cut where they end, also without an end', () => {
  const cutter = createLineCutter()
  assert.deepEqual(cutter.push('a\nb'), ['a'])
  assert.deepEqual(cutter.push('c\n'), ['bc'])
  assert.deepEqual(cutter.push('x'.repeat(70_000)), ['x'.repeat(70_000)])
  assert.deepEqual(cutter.end(), [])
})

test('widths', () => {
  assert.equal(displayWidth('abc'), 3)
  assert.equal(displayWidth('日本'), 4)
  assert.equal(displayWidth('e\u0301'), 1)
  assert.equal(truncate('日本語です', 7), '日本...')
  assert.equal(truncate('short', 7), 'short')
})

function filled(): ReturnType<typeof createSteps> {
  const steps = createSteps()
  const say = (...messages: readonly BuildMessage[]): void => {
    for (const message of messages) steps.apply(undefined, message)
  }
  say(step('a', '[internal] load metadata'), step('b', '[1/3] FROM debian'), step('c', '[2/3] RUN npm ci'))
  say(step('d', '[3/3] COPY . .'), started('a', 0), ended('a', 200), ended('b', 200, true), started('c', 200))
  say(output('c', 'one\n\u001B[1mtwo\u001B[0m\n'))
  return steps
}

const picture = { nowMs: 1700, startedAtMs: 0, columns: 50, rows: 24, finished: false, style: plainStyle }

/** The time at the right edge of 50 columns, of which the last stays free. */
const row = (text: string, time: string): string => `${text.padEnd(49 - time.length)}${time}`

test('terminal: done, cached and running steps, the last lines of the running one', () => {
  assert.deepEqual(formatFrame(filled(), picture), [
    '[+] Building 1.7s (2/4)',
    row(' => [internal] load metadata', '0.2s'),
    row(' => CACHED [1/3] FROM debian', '0.0s'),
    row(' => [2/3] RUN npm ci', '1.5s'),
    ' => => # one',
    ' => => # two',
  ])
})

test('terminal: nothing is wider than the terminal, nothing higher', () => {
  const steps = createSteps()
  for (let index = 0; index < 40; index += 1) {
    const id = String(index)
    steps.apply('web', step(id, `[${index}/40] RUN ${'x'.repeat(200)}`))
    steps.apply('web', started(id, 0))
    if (index < 35) steps.apply('web', ended(id, 100))
    else steps.apply('web', output(id, `${'y'.repeat(300)}\n`.repeat(9)))
  }
  for (const rows of [5, 10, 24, 50])
    for (const columns of [20, 80]) {
      const lines = formatFrame(steps, { ...picture, rows, columns })
      assert.ok(lines.length < rows, `${lines.length} lines on ${rows} rows`)
      for (const line of lines) assert.ok(displayWidth(line) < columns, line)
    }
  const all = formatFrame(steps, { ...picture, rows: 10, finished: true })
  assert.equal(all.length, 41)
  assert.match(all[0] ?? '', /FINISHED$/)
})

test('terminal: a picture is drawn over the last one, also after a resize; the last one stays', () => {
  const stderr = new Sink()
  stderr.columns = 60
  const { nowMs, at } = clock()
  const screen = createBuildScreen(stderr, plainStyle, nowMs)
  screen.message(undefined, step('a', '[1/1] RUN x'))
  screen.message(undefined, started('a', 0))
  at(100)
  stderr.emit('resize')
  stderr.columns = 40
  stderr.emit('resize')
  screen.message(undefined, ended('a', 1000))
  screen.interject('a notice')
  void screen.close()
  void screen.close()
  const parts = stderr.text.replaceAll('\u001B', '^').split(/\^\[(\d+)A\r/)
  // the line of 59 columns takes two rows on the narrower terminal
  assert.deepEqual(
    parts.filter((_, index) => index % 2 === 1),
    ['3', '2', '2'],
  )
  assert.match(parts.at(-3) ?? '', /^a notice\^\[K\n\[\+\] Building/)
  assert.match(
    parts.at(-1) ?? '',
    /^\[\+\] Building 0\.1s \(1\/1\) FINISHED\^\[K\n => \[1\/1\] RUN x +1\.0s\^\[K\n\^\[J$/,
  )
})

test('JSON: the messages, with their service', () => {
  const stderr = new Sink()
  const view = createJsonBuildView(stderr)
  view.message('web', started('a', 5))
  view.message(undefined, started('a', 5))
  assert.deepEqual(
    stderr.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
    [
      { build: 'web', kind: 'started', id: 'a', timeMs: 5 },
      { kind: 'started', id: 'a', timeMs: 5 },
    ],
  )
})

const SOURCE = {
  file: 'web/Dockerfile',
  range: { line: 2, column: 1, endLine: 2, endColumn: 10 },
  firstLine: 1,
  lines: ['FROM debian', 'RUN false', 'COPY . .'],
}

test('a warning is told once, when the builds have ended', () => {
  const stderr = new Sink()
  const view = createPlainBuildView(stderr, plainStyle)
  const warning: BuildMessage = { kind: 'warning', rule: 'StageNameCasing', message: 'lower case', source: SOURCE }
  view.message('a', warning)
  view.message('b', warning)
  assert.equal(stderr.text, '')
  void view.close()
  assert.equal(stderr.text, 'web/Dockerfile:2: warning: StageNameCasing: lower case\n')
})

test('a failed step: output, the lines of the Dockerfile, the error', () => {
  const error = new BuildError(
    'p-web',
    {
      kind: 'error',
      message: 'process "/bin/sh -c false" did not complete successfully: exit code: 1',
      code: 'BUILD_STEP_FAILED',
      id: 'a',
      exitCode: 1,
      source: SOURCE,
      tail: ['0.100 \u001B[31mboom\u001B[0m'],
    },
    '[2/3] RUN false',
  )
  assert.equal(
    formatError(error, plainStyle),
    `------
 > [2/3] RUN false:
0.100 boom
------
web/Dockerfile:2
--------------------
   1 |     FROM debian
   2 | >>> RUN false
   3 |     COPY . .
--------------------
error: cannot build image "p-web": process "/bin/sh -c false" did not complete successfully: exit code: 1
`,
  )
  const json = JSON.parse(errorJson(error)) as Record<string, unknown>
  assert.deepEqual([json['code'], json['step'], json['exitCode']], ['BUILD_STEP_FAILED', '[2/3] RUN false', 1])
})

test('what is wrong within a line has a caret below it', () => {
  const source = { ...SOURCE, range: { line: 2, column: 5, endLine: 2, endColumn: 10 } }
  assert.equal(
    formatExcerpt(source, plainStyle, true),
    `web/Dockerfile:2
--------------------
   1 |     FROM debian
   2 | >>> RUN false
     |         ^^^^^
   3 |     COPY . .
--------------------
`,
  )
})
