/**
 * Doctor: versions of crun, runc and conmon with known holes, and of conmon those that lose output or exit codes. A release
 * must not claim a safety that its programs cannot give. PURE. Source: release notes, advisories and issues of the three.
 */
import type { DoctorFinding } from '../api/types/index.ts'

interface Hole {
  readonly id: string
  readonly what: string
  /** [first version that has it, first one that has it no more]. */
  readonly versions: readonly (readonly [string, string])[]
}

interface ProgramRule {
  readonly program: string
  readonly holes: readonly Hole[]
  readonly upgrade: string
  /** What to do until then. */
  readonly meanwhile: string
}

const RULES: readonly ProgramRule[] = [
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
    meanwhile: 'Run images that you trust only',
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
        what: 'a race on a shared volume makes empty files and folders on the host (not through mounts inside of volumes, which the engine puts into place itself)',
        versions: [
          ['0', '1.1.14'],
          ['1.2.0-rc.1', '1.2.0-rc.3'],
        ],
      },
      {
        id: 'CVE-2025-31133, CVE-2025-52565, CVE-2025-52881',
        what: 'an image, or a container that shares a mount, can undo masked paths and write to /proc',
        versions: [
          ['0', '1.2.8'],
          ['1.3.0-rc.1', '1.3.3'],
          ['1.4.0-rc.1', '1.4.0-rc.3'],
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
    meanwhile: 'Run images that you trust only',
  },
  {
    program: 'conmon',
    holes: [
      {
        id: 'containers/conmon#475',
        what: 'it frees memory that it goes on using and can crash, which ends its container',
        versions: [['2.1.9', '2.1.10']],
      },
      {
        id: 'containers/conmon#632',
        what: 'it can use a whole processor when a container ends',
        versions: [['2.2.0', '2.2.1']],
      },
      {
        id: 'rhbz#2348843',
        what: 'it can abort when reading a signal fails, which ends its container',
        versions: [['0', '2.2.0']],
      },
    ],
    upgrade: 'install conmon >= 2.2.1 from https://github.com/containers/conmon/releases as /usr/local/bin/conmon',
    meanwhile: 'A container whose conmon is lost is ended, and its restart policy applied',
  },
]

/** "1.4.0-rc.3" -> its numbers, and that of the release candidate. */
function parseVersion(text: string): { readonly numbers: readonly number[]; readonly candidate: number } {
  const [version = '', candidate] = text.split('-rc')
  return {
    numbers: version.split('.').map(Number),
    candidate: candidate === undefined ? Number.POSITIVE_INFINITY : Number(candidate.replace('.', '')),
  }
}

/** Negative, zero or positive, as `a` is older than, the same as, or newer than `b`. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parseVersion(a), parseVersion(b)]
  for (let index = 0; index < Math.max(left.numbers.length, right.numbers.length); index += 1) {
    const difference = (left.numbers[index] ?? 0) - (right.numbers[index] ?? 0)
    if (difference !== 0) return difference
  }
  return left.candidate === right.candidate ? 0 : left.candidate - right.candidate
}

function isAffected({ versions }: Hole, version: string): boolean {
  return versions.some(([from, until]) => compareVersions(version, from) >= 0 && compareVersions(version, until) < 0)
}

/** The warning about the holes of that version, or that there is none known. */
export function judgeProgram(program: string, version: string): DoctorFinding {
  const rule = RULES.find((known) => known.program === program)
  const holes = rule?.holes.filter((hole) => isAffected(hole, version)) ?? []
  if (rule === undefined || holes.length === 0)
    return { check: program, status: 'ok', message: `${program} ${version}` }
  const list = holes.map(({ id, what }) => `${what} (${id})`).join('; ')
  return {
    check: program,
    status: 'warning',
    message: `${program} ${version} has known holes: ${list}. ${rule.meanwhile}`,
    fix: rule.upgrade,
  }
}
