/**
 * Doctor: the programs and libraries that containers stand on. Versions with known holes are named: a release must not
 * claim a safety that the runtime cannot give. Source: release notes and advisories of runc, crun, conmon.
 */
import type { DoctorCheck } from './doctor.ts'
import { programVersion } from './facts.ts'
import type { DoctorFinding } from '../api/types/index.ts'

interface Hole {
  readonly id: string
  readonly what: string
  /** [first version that has it, first one that has it no more]. */
  readonly versions: readonly (readonly [string, string])[]
}

interface RuntimeRule {
  readonly program: string
  readonly holes: readonly Hole[]
  readonly upgrade: string
}

const RUNTIMES: readonly RuntimeRule[] = [
  {
    program: 'crun',
    holes: [
      { id: 'CVE-2022-27650', what: 'exec leaves capabilities inheritable', versions: [['0', '1.4.4']] },
      { id: 'CVE-2026-30892', what: 'exec as user 1 runs as root', versions: [['1.19', '1.27']] },
      {
        id: 'CVE-2026-88264',
        what: 'an image with a symlink for /dev/console makes files on the host',
        versions: [['0', '1.30']],
      },
      {
        id: 'CVE-2026-88265',
        what: 'an image with a symlink for /dev/null writes to a bind-mounted file',
        versions: [['0', '1.30']],
      },
    ],
    upgrade: 'install crun >= 1.30 (static) from https://github.com/containers/crun/releases as /usr/local/bin/crun',
  },
  {
    program: 'runc',
    holes: [
      { id: 'CVE-2019-5736', what: 'a container can overwrite runc itself', versions: [['0', '1.0']] },
      {
        id: 'CVE-2023-27561, CVE-2023-28642, CVE-2023-25809',
        what: 'masked paths and /sys/fs/cgroup can be got around',
        versions: [['0', '1.1.5']],
      },
      {
        id: 'CVE-2024-21626',
        what: 'a folder of the host can become the working folder (Debian 12 has mended its 1.1.5)',
        versions: [['0', '1.1.12']],
      },
      {
        id: 'CVE-2024-45310',
        what: 'a race makes empty files and folders on the host',
        versions: [['0', '1.1.14']],
      },
      {
        id: 'CVE-2025-31133, CVE-2025-52565, CVE-2025-52881',
        what: 'an image can undo masked paths and write to /proc',
        versions: [
          ['0', '1.2.8'],
          ['1.3.0', '1.3.3'],
        ],
      },
      {
        id: 'CVE-2026-41579',
        what: 'an image with a symlink for /dev writes to the host',
        versions: [
          ['0', '1.3.6'],
          ['1.4.0', '1.4.3'],
        ],
      },
    ],
    upgrade: 'install runc >= 1.3.6 from https://github.com/opencontainers/runc/releases as /usr/local/sbin/runc',
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

function isAffected({ versions }: Hole, version: string): boolean {
  return versions.some(([from, until]) => compareVersions(version, from) >= 0 && compareVersions(version, until) < 0)
}

/** The warning about the holes of that version, or that there is none known. */
export function judgeRuntime(program: string, version: string): DoctorFinding {
  const rule = RUNTIMES.find((known) => known.program === program)
  const holes = rule?.holes.filter((hole) => isAffected(hole, version)) ?? []
  if (rule === undefined || holes.length === 0)
    return { check: program, status: 'ok', message: `${program} ${version}` }
  const list = holes.map(({ id, what }) => `${what} (${id})`).join('; ')
  return {
    check: program,
    status: 'warning',
    message: `${program} ${version} has known holes: ${list}. Run images that you trust only`,
    fix: rule.upgrade,
  }
}

export const checkRuntimes: DoctorCheck = async ({ host }) => {
  const versions = await Promise.all(RUNTIMES.map(({ program }) => programVersion(host, program)))
  const findings = RUNTIMES.flatMap((rule, index) => {
    const version = versions[index]
    return version === undefined ? [] : [judgeRuntime(rule.program, version)]
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
