/**
 * Doctor: what an OCI runtime was built with, by its own words: `runc features` (OCI runtime-spec features.md), or for
 * a crun without that verb the line of "+SECCOMP +CAP" in `crun --version`. What is missing is said by name.
 */
import type { DoctorCheck } from './doctor.ts'
import type { DoctorFinding } from '../api/types/index.ts'
import { findProgram } from './runtime/programs.ts'

interface Features {
  readonly linux?: {
    readonly namespaces?: readonly string[]
    readonly cgroup?: Readonly<Record<string, boolean>>
    readonly seccomp?: { readonly enabled?: boolean }
  }
}

const NAMESPACES = ['cgroup', 'ipc', 'mount', 'network', 'pid', 'uts']

/** Of the answer to `features`. PURE. Throws when it is no JSON. */
export function lacksByFeatures(text: string, cgroupVersion: 1 | 2): string[] {
  const { linux = {} } = JSON.parse(text) as Features
  const { namespaces, cgroup, seccomp } = linux
  return [
    ...(namespaces === undefined ? [] : NAMESPACES.filter((name) => !namespaces.includes(name))).map(
      (name) => `${name} namespaces`,
    ),
    ...(cgroup?.[`v${cgroupVersion}`] === false ? [`cgroup v${cgroupVersion}`] : []),
    ...(seccomp?.enabled === false ? ['seccomp'] : []),
  ]
}

/** Of `crun --version`; nothing for one that does not say what it was built with. PURE */
export function lacksByVersion(text: string): string[] {
  const built = /^\+.*$/m.exec(text)?.[0].split(' ')
  if (built === undefined) return []
  return ['SECCOMP', 'CAP'].filter((name) => !built.includes(`+${name}`)).map((name) => NAMES[name] ?? name)
}

const NAMES: Readonly<Record<string, string>> = { SECCOMP: 'seccomp', CAP: 'capabilities' }

export const checkRuntimeFeatures: DoctorCheck = async ({ host }) => {
  const cgroupVersion = host.files.existsSync('/sys/fs/cgroup/cgroup.controllers') ? 2 : 1
  const findings: DoctorFinding[] = []
  for (const program of ['crun', 'runc']) {
    const path = findProgram(host, program)
    if (path === undefined) continue
    const ask = (verb: string): Promise<string> =>
      host.exec.run([path, verb], { timeoutMs: 10_000 }).then(({ stdout }) => stdout)
    const lacks = await ask('features').then(
      (text) => lacksByFeatures(text, cgroupVersion),
      async () => lacksByVersion(await ask('--version')),
    )
    findings.push(
      lacks.length === 0
        ? { check: program, status: 'ok', message: `${program} has namespaces, cgroup v${cgroupVersion}, seccomp` }
        : {
            check: program,
            status: 'failed',
            message: `${program} was built without ${lacks.join(', ')}: containers that need it do not start, or not shut in`,
            fix: `apt-get install --reinstall ${program}`,
          },
    )
  }
  return findings
}
