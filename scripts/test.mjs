/**
 * `npm test`: set-up, then format, lint, types and unused code, then every test in one run of Node's test runner, whose
 * closing lines come last. `npm run check` leaves out what needs root (test/kernel, test/e2e). Arguments that are file
 * names or patterns run just those tests, without the checks; options go to the test runner
 * (npm test -- test/golden/plans.test.ts --test-update-snapshots). Plain JavaScript for Node >= 20.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { environmentWith } from './setup-dependencies.mjs'
import { createReport, elapsed, runScript, SetupError } from './setup-report.mjs'
import { TEST_PACKAGES } from './setup-packages.mjs'
import { REPOSITORY, setUp } from './setup.mjs'

const UNPRIVILEGED_TESTS = ['test/unit/**/*.test.{ts,mjs}', 'test/golden/**/*.test.ts']
const ALL_TESTS = ['test/**/*.test.{ts,mjs}']

const CHECKS = [
  { name: 'format', argv: ['oxfmt', '--check', '.'], mend: 'npx oxfmt .' },
  { name: 'lint', argv: ['oxlint', '--type-aware'], mend: 'npx oxlint --type-aware --fix' },
  { name: 'types', argv: ['tsc', '-p', '.'], mend: undefined },
  { name: 'unused code', argv: ['knip'], mend: undefined },
]

/** knip's parser reserves 6 GiB of addresses for a faster hand-over; a machine with 6 GiB of memory refuses them. */
const CHECK_ENVIRONMENT = { KNIP_DISABLE_RAW_TRANSFER: '1' }

/** No test takes this long; one that does hangs. Images are made within one (see test/support/images.ts). */
const TEST_TIMEOUT_MS = 600_000

/**
 * Types are stripped by WebAssembly: in an emulated machine V8 lost its way in the stack as it asked for faster code of it
 * ("Check failed: it->second.Size() > offset" in Runtime_WasmTriggerTierUp), and ended every tenth test file. So none is asked
 * for, and what is stripped is kept: each test file is a process that loads hundreds of sources.
 */
const SOURCE_FLAGS = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering']
const COMPILE_CACHE = join(REPOSITORY, 'node_modules/.cache/mycompose-sources')

/** What the start of a bare Node takes on a machine of usual speed, with some other work on it. */
const USUAL_START_MS = 120
const MOST_PATIENCE = 10

/**
 * How many times longer than usual the tests wait before they call something hung (test/support/patience.ts): 1 unless this
 * machine is several times slower than most.
 * @param {string} node
 */
function measurePatience(node) {
  const times = [1, 2, 3].map(() => {
    const startedMs = performance.now()
    spawnSync(node, ['-e', '0'])
    return performance.now() - startedMs
  })
  return Math.min(MOST_PATIENCE, Math.max(1, Math.round(Math.min(...times) / USUAL_START_MS)))
}

/** Runs all checks, prints the output of those that fail, and returns their names. */
function runChecks(env) {
  const report = createReport('check')
  const failed = []
  for (const { name, argv, mend } of CHECKS) {
    const startedMs = performance.now()
    const [program, ...args] = argv
    const result = spawnSync(join(REPOSITORY, 'node_modules/.bin', program), args, {
      cwd: REPOSITORY,
      encoding: 'utf8',
      maxBuffer: 64 * 2 ** 20,
      env,
    })
    const passed = result.status === 0
    report.line(`${name} ${passed ? 'ok' : 'FAILED'} (${elapsed(startedMs)})`)
    if (passed) continue
    failed.push(name)
    process.stdout.write(`${result.error?.message ?? ''}${result.stdout ?? ''}${result.stderr ?? ''}\n`)
    if (mend !== undefined) report.line(`to mend it: ${mend}`)
  }
  return failed
}

function main() {
  const args = process.argv.slice(2)
  const isCheck = args.includes('--check')
  const options = args.filter((arg) => arg.startsWith('-') && arg !== '--check')
  const files = args.filter((arg) => !arg.startsWith('-'))
  if (!isCheck && process.getuid?.() !== 0)
    throw new SetupError(
      'the kernel and end-to-end tests make namespaces, mounts and firewall rules: they need root',
      'run: sudo npm test, or npm run check for the tests that need no root',
    )
  const node = setUp({ packages: TEST_PACKAGES })
  const env = environmentWith(node)
  if (files.length === 0) {
    const failed = runChecks({ ...env, ...CHECK_ENVIRONMENT })
    if (failed.length > 0) {
      process.stdout.write(`\nfailed before any test: ${failed.join(', ')}\n`)
      return 1
    }
  }
  const patterns = files.length > 0 ? files : isCheck ? UNPRIVILEGED_TESTS : ALL_TESTS
  const patience = Number(env.MYCOMPOSE_TEST_PATIENCE ?? measurePatience(node))
  if (patience !== 1)
    process.stdout.write(`test   this machine is slow: limits of waiting are ${patience} times longer\n`)
  const flags = ['--test-concurrency=2', `--test-timeout=${TEST_TIMEOUT_MS * patience}`, '--test-reporter=spec']
  const argv = [...SOURCE_FLAGS, '--test', ...flags, ...options, ...patterns]
  const result = spawnSync(node, argv, {
    cwd: REPOSITORY,
    stdio: 'inherit',
    env: { ...env, NODE_COMPILE_CACHE: COMPILE_CACHE, MYCOMPOSE_TEST_PATIENCE: String(patience) },
  })
  return result.status ?? 1
}

await runScript(async () => main())
