/** Doctor: the programs and libraries that containers stand on. What is known of their versions is in doctor-holes.ts. */
import type { DoctorCheck } from './doctor.ts'
import { judgeProgram } from './doctor-holes.ts'
import { programVersion } from './facts.ts'
import type { DoctorFinding } from '../api/types/index.ts'

const RUNTIMES = ['crun', 'runc'] as const

export const checkRuntimes: DoctorCheck = async ({ host }) => {
  const versions = await Promise.all(RUNTIMES.map((program) => programVersion(host, program)))
  const findings = RUNTIMES.flatMap((program, index) => {
    const version = versions[index]
    return version === undefined ? [] : [judgeProgram(program, version)]
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
  return [judgeProgram('conmon', version)]
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
