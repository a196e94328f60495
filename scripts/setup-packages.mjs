/**
 * The Debian packages that mycompose runs on; only what is missing is installed. Plain JavaScript for Node >= 20.
 * Other distributions: the programs are looked for, and named when they are not there.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { SetupError } from './setup-report.mjs'

/** Package -> the program that shows it is there, for machines without dpkg. */
export const RUNTIME_PACKAGES = {
  crun: 'crun',
  runc: 'runc',
  conmon: 'conmon',
  nftables: 'nft',
  iproute2: 'ip',
  mmdebstrap: 'mmdebstrap',
  tini: 'tini',
  'xz-utils': 'xz',
  bzip2: 'bzip2',
  'ca-certificates': 'update-ca-certificates',
}

/** Besides, for the tests: a root file system made in milliseconds, a real registry, a judge of what lies in it, a disk with quotas. */
export const TEST_PACKAGES = {
  attr: 'getfattr',
  'busybox-static': 'busybox',
  'docker-registry': 'docker-registry',
  skopeo: 'skopeo',
  openssl: 'openssl',
  'apache2-utils': 'htpasswd',
  curl: 'curl',
  git: 'git',
  zstd: 'zstd',
  'btrfs-progs': 'mkfs.btrfs',
}

/**
 * The names of `wanted` that dpkg-query does not list as installed.
 * @param {string[]} wanted
 * @param {string} listing lines "<status> <name>" of dpkg-query
 */
export function missingPackages(wanted, listing) {
  const installed = new Set()
  for (const line of listing.split('\n')) {
    const [status, name] = line.trim().split(' ')
    if (status === 'installed') installed.add(name)
  }
  return wanted.filter((name) => !installed.has(name))
}

function isOnPath(program) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function aptGet(args) {
  const result = spawnSync('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=300', ...args], {
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' },
  })
  if (result.status === 0) return
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim().split('\n').slice(-15).join('\n')
  throw new SetupError(`apt-get ${args[0]} failed:\n${output}`, `run it by hand: apt-get ${args.join(' ')}`)
}

/**
 * Installs the missing ones of `packages` (package -> program).
 * @param {Record<string, string>} packages
 * @param {import('./setup-report.mjs').Report} report
 */
export function ensurePackages(packages, report) {
  const wanted = Object.keys(packages)
  const query = spawnSync('dpkg-query', ['-W', '-f', '${db:Status-Status} ${Package}\n', ...wanted], {
    encoding: 'utf8',
  })
  if (query.error !== undefined) {
    const absent = Object.values(packages).filter((program) => !isOnPath(program))
    if (absent.length === 0) return
    throw new SetupError(
      `this is no Debian, and these programs are missing: ${absent.join(', ')}`,
      "install them with the distribution's package manager, then run again",
    )
  }
  const missing = missingPackages(wanted, query.stdout)
  if (missing.length === 0) return
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`
  if (process.getuid?.() !== 0)
    throw new SetupError(
      `Debian packages are missing: ${missing.join(', ')}`,
      `run: sudo apt-get update && sudo ${command}`,
    )
  const done = report.step(`Debian packages: ${missing.join(' ')}`)
  aptGet(['update'])
  aptGet(['install', '-y', '--no-install-recommends', ...missing])
  done()
}
