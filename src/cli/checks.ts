/**
 * What can be said about the machine without the engine: for the case that it cannot start. Reads /proc, /sys and the
 * folders of programs; changes nothing and starts nothing.
 */
import { join } from 'node:path'
import type { DoctorFinding } from '../api/types/index.ts'
import type { CliIo } from './io.ts'

const NEEDED_NODE = [24, 12] as const
const PROGRAM_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

interface Need {
  readonly check: string
  /** One of them is enough, the first is the best. */
  readonly programs: readonly string[]
  readonly packages: string
  readonly purpose: string
  /** Only some commands need it. */
  readonly optional?: true
}

const NEEDS: readonly Need[] = [
  { check: 'runtime', programs: ['crun', 'runc'], packages: 'crun', purpose: 'runs containers' },
  { check: 'conmon', programs: ['conmon'], packages: 'conmon', purpose: 'keeps the output of containers' },
  { check: 'nftables', programs: ['nft'], packages: 'nftables', purpose: 'publishes ports and isolates networks' },
  { check: 'iproute2', programs: ['ip'], packages: 'iproute2', purpose: 'helps to look at networks', optional: true },
  {
    check: 'mmdebstrap',
    programs: ['mmdebstrap'],
    packages: 'mmdebstrap',
    purpose: '`image bootstrap` needs it',
    optional: true,
  },
]

export function checkMachine(io: CliIo): readonly DoctorFinding[] {
  return [
    checkNode(process.versions.node),
    checkUser(io),
    ...NEEDS.map((need) => checkNeed(need, io)),
    checkOverlay(io),
    checkCgroups(io),
  ]
}

export function checkNode(version: string): DoctorFinding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [neededMajor, neededMinor] = NEEDED_NODE
  const isEnough = major > neededMajor || (major === neededMajor && minor >= neededMinor)
  const check = 'node'
  if (isEnough) return { check, status: 'ok', message: version }
  const message = `${version} is older than ${neededMajor}.${neededMinor}`
  return { check, status: 'failed', message, fix: 'install a newer Node.js: https://nodejs.org' }
}

function checkUser({ host }: CliIo): DoctorFinding {
  const check = 'user'
  if (host.userId === 0) return { check, status: 'ok', message: 'root' }
  const message = 'not root: a running engine can be used by the group "mycompose", only root can start it'
  return { check, status: 'warning', message, fix: 'sudo mycompose engine start' }
}

function checkNeed({ check, programs, packages, purpose, optional }: Need, { host }: CliIo): DoctorFinding {
  for (const program of programs) {
    const path = PROGRAM_FOLDERS.map((folder) => join(folder, program)).find((file) => host.files.existsSync(file))
    if (path !== undefined) return { check, status: 'ok', message: path }
  }
  const message = `${programs.join(' or ')} is not installed: ${purpose}`
  return { check, status: optional === true ? 'warning' : 'failed', message, fix: `apt-get install ${packages}` }
}

function checkOverlay({ host }: CliIo): DoctorFinding {
  const check = 'overlay'
  const known = host.files.readTextSync('/proc/filesystems') ?? ''
  if (/^nodev\toverlay$/m.test(known)) return { check, status: 'ok', message: 'the kernel has it' }
  return { check, status: 'warning', message: 'not loaded yet; mounting may load it', fix: 'modprobe overlay' }
}

function checkCgroups({ host }: CliIo): DoctorFinding {
  const check = 'cgroups'
  const { files } = host
  if (files.existsSync('/sys/fs/cgroup/cgroup.controllers')) return { check, status: 'ok', message: 'v2' }
  if (files.existsSync('/sys/fs/cgroup/unified')) return { check, status: 'ok', message: 'hybrid (v1 with a v2 tree)' }
  if (files.existsSync('/sys/fs/cgroup/memory')) return { check, status: 'ok', message: 'v1' }
  const fix = 'mount -t cgroup2 none /sys/fs/cgroup'
  return { check, status: 'failed', message: 'none are mounted at /sys/fs/cgroup', fix }
}
