/**
 * Finds or installs a Node that can run mycompose. The machine's own may be older (Debian's, or Node 20): then the
 * registry package node-linux-<arch>, pinned with its digest, is put in .tools/node. Plain JavaScript for Node >= 20.
 */
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { SetupError } from './setup-report.mjs'

const PINNED_VERSION = '24.21.0'
/** sha512 of the registry's tarballs, which `npm ci` checks. */
const PINNED_INTEGRITY = {
  x64: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  arm64: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
}

/**
 * Whether version `found` satisfies `wanted`, both "24.12" or "v24.12.0".
 * @param {string} found
 * @param {string} wanted
 */
export function isAtLeast(found, wanted) {
  const [a, b] = [found, wanted].map((text) => text.replace(/^v/, '').split('.').map(Number))
  for (let index = 0; index < 3; index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return true
}

/** The lowest version that package.json accepts, "24.12". */
export function wantedNodeVersion(repository) {
  const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))
  return manifest.engines.node.replace(/^>=\s*/, '')
}

/** npm's own program file, to be run by whichever Node we choose; `npm` itself would pick the old one. */
export function findNpmCli(env = process.env) {
  const candidates = [env.npm_execpath]
  for (const folder of (env.PATH ?? '').split(delimiter)) candidates.push(join(folder, 'npm'))
  candidates.push(join(dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js'))
  for (const candidate of candidates) {
    if (candidate === undefined || !existsSync(candidate)) continue
    const file = realpathSync(candidate)
    if (file.endsWith('npm-cli.js')) return file
  }
  throw new SetupError(
    'npm is not installed',
    'install it beside node (on Debian: apt-get install npm), then run again',
  )
}

function versionOf(node) {
  const result = spawnSync(node, ['-v'], { encoding: 'utf8' })
  return result.status === 0 ? result.stdout.trim().replace(/^v/, '') : undefined
}

/** Installs the pinned package under a temporary folder, tries it, and renames it into place. */
function install(repository, target, wanted) {
  const name = `node-linux-${process.arch}`
  const integrity = PINNED_INTEGRITY[process.arch]
  if (process.platform !== 'linux' || integrity === undefined)
    throw new SetupError(
      `no Node for ${process.platform}-${process.arch} is known here`,
      `install Node >= ${wanted} by hand, then run again`,
    )
  mkdirSync(join(repository, '.tools'), { recursive: true })
  const temporary = mkdtempSync(join(repository, '.tools/node-'))
  try {
    const dependencies = { [name]: PINNED_VERSION }
    const manifest = { name: 'tools', version: '0.0.0', private: true, dependencies }
    const packages = {
      '': { name: 'tools', version: '0.0.0', dependencies },
      [`node_modules/${name}`]: { version: PINNED_VERSION, integrity },
    }
    writeFileSync(join(temporary, 'package.json'), JSON.stringify(manifest))
    writeFileSync(
      join(temporary, 'package-lock.json'),
      JSON.stringify({ name: 'tools', version: '0.0.0', lockfileVersion: 3, requires: true, packages }),
    )
    const result = spawnSync(process.execPath, [findNpmCli(), 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: temporary,
      encoding: 'utf8',
    })
    if (result.status !== 0)
      throw new SetupError(
        `npm could not install ${name}@${PINNED_VERSION}:\n${result.stderr.trim().slice(-2000)}`,
        `check that this machine reaches the npm registry, or install Node >= ${wanted} by hand`,
      )
    const installed = join(temporary, 'node_modules', name)
    const version = versionOf(join(installed, 'bin/node'))
    if (version === undefined || !isAtLeast(version, wanted))
      throw new SetupError(`${name}@${PINNED_VERSION} does not run here`, `install Node >= ${wanted} by hand`)
    rmSync(target, { recursive: true, force: true })
    renameSync(installed, target)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

/**
 * The path of a Node that is new enough; installs one in .tools/node when neither the running one nor that is.
 * @param {string} repository
 * @param {import('./setup-report.mjs').Report} report
 */
export function ensureNode(repository, report) {
  const wanted = wantedNodeVersion(repository)
  if (isAtLeast(process.version, wanted)) return process.execPath
  const target = join(repository, '.tools/node')
  const node = join(target, 'bin/node')
  const present = existsSync(node) ? versionOf(node) : undefined
  if (present !== undefined && isAtLeast(present, wanted)) return node
  const done = report.step(
    `node ${PINNED_VERSION} into .tools/node (this one is ${process.version}, needed >= ${wanted})`,
  )
  install(repository, target, wanted)
  done()
  return node
}
