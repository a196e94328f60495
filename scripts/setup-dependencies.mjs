/**
 * node_modules as package-lock.json has it, and the bundle in dist/; both only when they are out of date. Everything
 * is run by the Node that ensureNode chose. Plain JavaScript for Node >= 20.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { findNpmCli } from './setup-node.mjs'
import { SetupError } from './setup-report.mjs'

/** The environment in which `node` is the one given, for programs that look it up. */
export function environmentWith(node) {
  return { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` }
}

function runNode(repository, node, args, { what, hint }) {
  const result = spawnSync(node, args, {
    cwd: repository,
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
    env: environmentWith(node),
  })
  if (result.status === 0) return
  const lines = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim().split('\n')
  // npm says the cause first and its usage last, a build the other way round
  const output = lines.length <= 24 ? lines : [...lines.slice(0, 12), '...', ...lines.slice(-12)]
  throw new SetupError(`${what} failed:\n${output.join('\n')}`, hint)
}

/** Inside node_modules, so that deleting that folder deletes the stamp with it. */
const STAMP = 'node_modules/.mycompose-setup'

export function ensureDependencies(repository, node, report) {
  const stamp = createHash('sha256')
    .update(readFileSync(join(repository, 'package-lock.json')))
    .update(`${process.platform} ${process.arch}`)
    .digest('hex')
  const stampFile = join(repository, STAMP)
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return
  const done = report.step('npm dependencies')
  // not `npm ci`: it refuses a lock file without the optional binaries of every platform, and some registries lack
  // those of foreign ones. --no-save installs what the lock file says, checks the digests, and leaves the file alone.
  // No dependency needs its install script: their binaries come as packages.
  const options = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund']
  runNode(repository, node, [findNpmCli(), 'install', ...options], {
    what: 'npm install',
    hint: 'check that this machine reaches the npm registry, then run again',
  })
  writeFileSync(stampFile, stamp)
  done()
}

/** The newest change, in milliseconds, of a file or of any file below a folder. */
function newestChangeMs(path) {
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.mtimeMs
  let newest = stats.mtimeMs
  for (const entry of readdirSync(path)) newest = Math.max(newest, newestChangeMs(join(path, entry)))
  return newest
}

const BUNDLES = ['dist/mycompose.js', 'dist/engine.js']

export function ensureBundle(repository, node, report) {
  const sources = ['src', 'schemas', 'package.json', 'package-lock.json', 'scripts/build.ts']
  const newest = Math.max(...sources.map((source) => newestChangeMs(join(repository, source))))
  const isFresh = BUNDLES.every((bundle) => {
    const file = join(repository, bundle)
    return existsSync(file) && statSync(file).mtimeMs > newest
  })
  if (isFresh) return
  const done = report.step(`bundle: ${BUNDLES.join(', ')}`)
  runNode(repository, node, ['scripts/build.ts'], {
    what: 'scripts/build.ts',
    hint: 'this is a bug of mycompose: please report it with the text above',
  })
  done()
}
