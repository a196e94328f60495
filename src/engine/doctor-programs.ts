/**
 * Doctor: the programs and libraries that containers stand on. Versions with known holes are named: a release must not
 * claim a safety that the runtime cannot give. Source: release notes and advisories of runc, crun, conmon.
 */
import type { DoctorCheck } from './doctor.ts'
import { programVersion } from './facts.ts'
import type { DoctorFinding } from '../api/types/index.ts'

interface RuntimeRule {
  readonly program: string
  /** The first release without the holes below. */
  readonly safe: string
  readonly holes: string
  readonly upgrade: string
}

const RUNTIMES: readonly RuntimeRule[] = [
  {
    program: 'crun',
    safe: '1.25.1',
    holes: 'exec -u parsing (CVE-2026-30892), a /dev symlink in images (CVE-2026-47766), writes through /proc',
    upgrade: 'install a static crun >= 1.27 from https://github.com/containers/crun/releases to /usr/local/bin',
  },
  {
    program: 'runc',
    safe: '1.2.8',
    holes: 'masked paths and /proc writes (CVE-2025-31133, CVE-2025-52565, CVE-2025-52881)',
    upgrade: 'install runc >= 1.2.8 from https://github.com/opencontainers/runc/releases to /usr/local/bin',
  },
]

/** Negative, zero or positive, as `a` is older than, the same as, or newer than `b`. */
export function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number)
  const right = b.split('.').map(Number)
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function judgeRuntime(rule: RuntimeRule, version: string): DoctorFinding {
  const check = rule.program
  if (compareVersions(version, rule.safe) >= 0) return { check, status: 'ok', message: `${check} ${version}` }
  return {
    check,
    status: 'warning',
    message: `${check} ${version} has known holes: ${rule.holes}; do not run images you do not trust`,
    fix: rule.upgrade,
  }
}

export const checkRuntimes: DoctorCheck = async ({ host }) => {
  const versions = await Promise.all(RUNTIMES.map(({ program }) => programVersion(host, program)))
  const findings = RUNTIMES.flatMap((rule, index) => {
    const version = versions[index]
    return version === undefined ? [] : [judgeRuntime(rule, version)]
  })
  if (findings.length > 0) return findings
  return [
    { check: 'runtime', status: 'failed', message: 'neither crun nor runc is installed', fix: 'apt-get install crun' },
  ]
}

export const checkConmon: DoctorCheck = async ({ host }) => {
  const version = await programVersion(host, 'conmon')
  if (version === undefined)
    return [{ check: 'conmon', status: 'failed', message: 'conmon is not installed', fix: 'apt-get install conmon' }]
  return [{ check: 'conmon', status: 'ok', message: `conmon ${version}` }]
}

interface Library {
  readonly name: string
  readonly file: string
  readonly packageName: string
  /** What happens without it. */
  readonly without: string
}

const LIBRARIES: readonly Library[] = [
  {
    name: 'libnftables',
    file: 'libnftables.so.1',
    packageName: 'libnftables1',
    without: 'the nft program is started for every change',
  },
  {
    name: 'libseccomp',
    file: 'libseccomp.so.2',
    packageName: 'libseccomp2',
    without: 'the runtime compiles the seccomp filter of each container anew',
  },
]

const LIBRARY_FOLDERS = ['/usr/lib', '/lib', '/usr/lib64', '/lib64']

export const checkLibraries: DoctorCheck = ({ host }) => {
  const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'
  const folders = [...LIBRARY_FOLDERS, `/usr/lib/${triplet}`, `/lib/${triplet}`]
  return Promise.resolve(
    LIBRARIES.map(({ name, file, packageName, without }): DoctorFinding => {
      if (folders.some((folder) => host.files.existsSync(`${folder}/${file}`)))
        return { check: name, status: 'ok', message: `${file} is there` }
      return {
        check: name,
        status: 'warning',
        message: `${file} is missing: ${without}`,
        fix: `apt-get install ${packageName}`,
      }
    }),
  )
}
