/**
 * Doctor: numbers of which containers and their programs run out: descriptors, processes, watches, the clock.
 * Source: man 2 getrlimit, man 7 inotify ("/proc interfaces"), man 5 proc_sys_kernel (pid_max).
 */
import type { DoctorCheck } from './doctor.ts'
import type { DoctorFinding } from '../api/types/index.ts'

/** conmon and the engine hold about ten a container; databases ask for a thousand and more. */
const WANTED_FILES = 4096
const WANTED_PROCESSES = 4096
/** Each program that watches files (node, vite, systemd) takes an instance and a watch a folder. */
const WANTED_INSTANCES = 128
const WANTED_WATCHES = 65_536
const WANTED_PIDS = 32_768

/** The hard limit in the text of /proc/self/limits. @example hardLimit(text, "Max open files") -> 1048576 */
export function hardLimit(limits: string, name: string): number {
  const line = limits.split('\n').find((text) => text.startsWith(name)) ?? ''
  const hard = line.slice(name.length).trim().split(/\s+/)[1] ?? ''
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard)
}

function judge(
  check: string,
  found: number,
  { wanted, what, fix }: { readonly wanted: number; readonly what: string; readonly fix: string },
): DoctorFinding {
  const shown = Number.isFinite(found) ? String(found) : 'unlimited'
  if (found >= wanted) return { check, status: 'ok', message: `${what}: ${shown}` }
  return { check, status: 'warning', message: `${what}: ${shown} is little, ${wanted} are wanted`, fix }
}

export const checkLimits: DoctorCheck = ({ host }) => {
  const limits = host.files.readTextSync('/proc/self/limits') ?? ''
  const number = (path: string): number => Number(host.files.readTextSync(path)?.trim() ?? 0)
  const inUnit = (line: string): string => `raise it where the engine is started: systemctl edit mycompose, ${line}`
  return Promise.resolve([
    judge('nofile', hardLimit(limits, 'Max open files'), {
      wanted: WANTED_FILES,
      what: 'open files a process',
      fix: `ulimit -n 1048576; ${inUnit('LimitNOFILE=1048576')}`,
    }),
    judge('nproc', hardLimit(limits, 'Max processes'), {
      wanted: WANTED_PROCESSES,
      what: 'processes of root',
      fix: `ulimit -u unlimited; ${inUnit('LimitNPROC=infinity')}`,
    }),
    judge('pid_max', number('/proc/sys/kernel/pid_max'), {
      wanted: WANTED_PIDS,
      what: 'processes of the machine',
      fix: 'sysctl -w kernel.pid_max=4194304',
    }),
    judge('inotify', number('/proc/sys/fs/inotify/max_user_instances'), {
      wanted: WANTED_INSTANCES,
      what: 'programs of a user that watch files',
      fix: 'sysctl -w fs.inotify.max_user_instances=1024',
    }),
    judge('inotify', number('/proc/sys/fs/inotify/max_user_watches'), {
      wanted: WANTED_WATCHES,
      what: 'watches of a user',
      fix: 'sysctl -w fs.inotify.max_user_watches=524288',
    }),
  ])
}

/** A clock before the time of what was written last is wrong: certificates and tokens will be refused, logs be out of order. */
export const checkClock: DoctorCheck = async ({ host, config }) => {
  const now = host.clock.nowMs()
  const written = await Promise.all(
    ['/etc/os-release', '/usr', config.paths.root].map(async (path) => (await host.files.stat(path)).mtimeMs),
  )
  const newest = Math.max(...written)
  if (now >= newest - 1000)
    return [{ check: 'clock', status: 'ok', message: new Date(now).toISOString().slice(0, 19).concat('Z') }]
  return [
    {
      check: 'clock',
      status: 'warning',
      message: `the clock says ${new Date(now).toISOString()}, but files were written at ${new Date(newest).toISOString()}`,
      fix: 'timedatectl set-ntp true',
    },
  ]
}
