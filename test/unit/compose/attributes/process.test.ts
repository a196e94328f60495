/**
 * command, entrypoint, environment, labels, healthcheck, restart, logging, hooks, ulimits.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { splitWords } from '../../../../src/compose/canonical/command.ts'
import { load, places, webFile } from '../support.ts'
import { testAttribute } from './table.ts'

testAttribute(
  'command',
  [
    { name: 'absent', input: 'user: a', want: { command: null, entrypoint: null } },
    { name: 'null', input: 'command: null\nentrypoint:', want: { command: null, entrypoint: null } },
    { name: 'cleared', input: 'command: []\nentrypoint: ""', want: { command: [], entrypoint: [] } },
    { name: 'split into words', input: 'command: sh -c "a b" c', want: { command: ['sh', '-c', 'a b', 'c'] } },
    { name: 'a list as it is', input: 'command: ["a b", 1, true]', want: { command: ['a b', '1', 'true'] } },
    { name: 'a dollar sign', input: 'command: echo $$HOME', want: { command: ['echo', '$HOME'] } },
    {
      name: 'several lines',
      input: 'entrypoint:\n  - sh\n  - -c\n  - |\n    a\n    b',
      want: { entrypoint: ['sh', '-c', 'a\nb\n'] },
    },
  ],
  [{ name: 'an open quote', input: "command: echo 'a", want: ['INVALID_VALUE 4:14'] }],
)

/** As docker compose 2.40.3 splits them. */
const WORDS: readonly (readonly [line: string, want: string[] | undefined, ignored?: string])[] = [
  ['', []],
  ['  ', []],
  ['a  b\tc\nd', ['a', 'b', 'c', 'd']],
  ['""', ['']],
  ['echo \'\' x"y"z', ['echo', '', 'xyz']],
  [`a"b c"'d e'f`, ['ab cd ef']],
  [String.raw`a\ b \"c\" '\d' "\e\"\\"`, ['a b', '"c"', String.raw`\d`, String.raw`e"` + '\\']],
  [String.raw`a\tb "x\ty\n" \;x`, ['atb', 'xtyn', ';x']],
  ['a # b', ['a', '#', 'b']],
  ['"a;b" c|d', ['a;b', 'c'], '|d'],
  ['echo a && b', ['echo', 'a'], '&& b'],
  ['echo a 2>&1 c', ['echo', 'a'], '>&1 c'],
  ['echo x>y', ['echo', 'x'], '>y'],
  ['a < b', ['a'], '< b'],
  ['; a', [], '; a'],
  ['echo `date x;y` z', ['echo', '`date x;y`', 'z']],
  ['echo $(date x) z', ['echo', '$(date x)', 'z']],
  ['"$(a b)" "`a"', ['$(a b)', '`a']],
  ['"a', undefined],
  ["it's", undefined],
  ['a `b', undefined],
  ['a $(b', undefined],
  ['a(b)', undefined],
  ['a)b', undefined],
  ['a\\', undefined],
]

for (const [line, words, ignored = ''] of WORDS) {
  test(`words of ${JSON.stringify(line)}`, () => {
    assert.deepEqual(splitWords(line), words === undefined ? undefined : { words, ignored })
  })
}

test('a command that is cut is warned of', async () => {
  const { project, warnings } = await load(webFile('command: echo a; b'))
  assert.deepEqual(project.services['web']?.command, ['echo', 'a'])
  assert.deepEqual(places(warnings), ['COMMAND_CUT 4:14'])
})

testAttribute(
  'environment',
  [
    {
      name: 'a mapping',
      input: 'environment: { A: 1, B: true, C: "x y", D: "" }',
      want: { environment: { A: '1', B: 'true', C: 'x y', D: '' } },
    },
    { name: 'a list', input: 'environment: [A=1, "B=x=y", "C="]', want: { environment: { A: '1', B: 'x=y', C: '' } } },
    {
      name: 'taken from the project',
      input: 'environment: { A: , B: }',
      environment: { A: 'shell' },
      want: { environment: { A: 'shell', B: null } },
    },
    {
      name: 'a list without value',
      input: 'environment: [A]',
      environment: { A: '$x' },
      want: { environment: { A: '$x' } },
    },
  ],
  [
    { name: 'a mapping as a list item', input: 'environment:\n  - A: 1', want: ['SCHEMA_TYPE 5:9'] },
    { name: 'a list as a value', input: 'environment: { A: [1] }', want: ['SCHEMA_TYPE 4:23'] },
  ],
)

test('environment: env files below it, the last one wins, optional and raw ones', async () => {
  const { project } = await load(
    {
      'compose.yaml': webFile(`
        env_file:
          - a.env
          - { path: b.env, format: raw }
          - { path: no.env, required: false }
        environment: { C: own }
        label_file: l.env
        labels: { b: own }`),
      'a.env': 'A=1\nB="a ${X}"\nC=file',
      'b.env': 'B="raw" ${X}',
      'l.env': 'a=1\nb=2',
    },
    { environment: { X: 'shell' } },
  )
  const { web } = project.services
  assert.deepEqual(web?.environment, { A: '1', B: '"raw" ${X}', C: 'own' })
  assert.deepEqual(web.labels, { a: '1', b: 'own' })
})

testAttribute('labels', [
  { name: 'a mapping', input: 'labels: { a.b: 1, c: "", d: }', want: { labels: { 'a.b': '1', c: '', d: '' } } },
  { name: 'a list', input: 'labels: [a=b=c, d]', want: { labels: { a: 'b=c', d: '' } } },
])
testAttribute('annotations', [{ name: 'a list', input: 'annotations: [a=b]', want: { annotations: { a: 'b' } } }])
testAttribute('sysctls', [
  {
    name: 'a number',
    input: 'sysctls: { net.core.somaxconn: 1024 }',
    want: { sysctls: { 'net.core.somaxconn': '1024' } },
  },
])

testAttribute(
  'healthcheck',
  [
    {
      name: 'a text',
      input: 'healthcheck: { test: "curl x || exit 1" }',
      want: { healthcheck: { test: ['CMD-SHELL', 'curl x || exit 1'] } },
    },
    {
      name: 'all keys',
      input:
        'healthcheck: { test: [CMD, a], interval: 1m30s, timeout: 500ms, retries: 5, start_period: 10s, start_interval: 1s }',
      want: {
        healthcheck: {
          test: ['CMD', 'a'],
          interval: 90e9,
          timeout: 5e8,
          retries: 5,
          startPeriod: 10e9,
          startInterval: 1e9,
        },
      },
    },
    { name: 'disabled', input: 'healthcheck: { disable: true }', want: { healthcheck: { disable: true } } },
    { name: 'NONE', input: 'healthcheck: { test: [NONE] }', want: { healthcheck: { test: ['NONE'] } } },
    { name: 'retries from a text', input: 'healthcheck: { retries: "3" }', want: { healthcheck: { retries: 3 } } },
  ],
  [
    { name: 'a test without a head', input: 'healthcheck: { test: [curl] }', want: ['INVALID_VALUE 4:27'] },
    { name: 'a bare number', input: 'healthcheck: { interval: 5 }', want: ['SCHEMA_TYPE 4:30'] },
    { name: 'start_interval alone', input: 'healthcheck: { start_interval: 5s }', want: ['HEALTHCHECK 4:36'] },
  ],
)

testAttribute(
  'restart',
  [
    { name: 'always', input: 'restart: always', want: { restart: { name: 'always' } } },
    { name: 'no, unquoted', input: 'restart: no', want: { restart: { name: 'no' } } },
    { name: 'false', input: 'restart: false', want: { restart: { name: 'no' } } },
    { name: 'on-failure', input: 'restart: on-failure', want: { restart: { name: 'on-failure' } } },
    {
      name: 'on-failure with a count',
      input: 'restart: on-failure:5',
      want: { restart: { name: 'on-failure', maxRetries: 5 } },
    },
    { name: 'unless-stopped', input: 'restart: unless-stopped', want: { restart: { name: 'unless-stopped' } } },
  ],
  [
    { name: 'an unknown policy', input: 'restart: sometimes', want: ['INVALID_VALUE 4:14'] },
    { name: 'a count of another policy', input: 'restart: always:3', want: ['INVALID_VALUE 4:14'] },
  ],
)

testAttribute('logging', [
  {
    name: 'options of any type',
    input: 'logging: { driver: json-file, options: { max-size: 10m, max-file: 3 } }',
    want: { logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } } },
  },
])

testAttribute('hooks', [
  {
    name: 'all three',
    input: `
      post_start: [{ command: "a b", user: root, privileged: true, working_dir: /x, environment: [A=1] }]
      pre_stop: [{ command: [c] }]
      pre_start: [{ command: [d], image: i, per_replica: false }]`,
    want: {
      postStart: [{ command: ['a', 'b'], user: 'root', privileged: true, workingDir: '/x', environment: { A: '1' } }],
      preStop: [{ command: ['c'] }],
      preStart: [{ command: ['d'], image: 'i', perReplica: false }],
    },
  },
])

testAttribute(
  'ulimits',
  [
    {
      name: 'both syntaxes',
      input: 'ulimits: { nproc: 65535, nofile: { soft: 1, hard: -1 }, core: "0" }',
      want: {
        ulimits: { nproc: { soft: 65_535, hard: 65_535 }, nofile: { soft: 1, hard: -1 }, core: { soft: 0, hard: 0 } },
      },
    },
  ],
  [{ name: 'half a limit', input: 'ulimits: { nofile: { soft: 1 } }', want: ['SCHEMA_REQUIRED 4:16'] }],
)
