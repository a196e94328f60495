/** Facts of the machine and of the programs the engine runs on, for version, info, status and doctor. */
import { arch, cpus, hostname, machine, release, totalmem } from 'node:os'
import type { HostFacts } from '../api/server/context.ts'
import { detectCgroupLayout } from './cgroups/layout.ts'
import { findProgram } from './runtime/programs.ts'
import type { Host } from '../host/host.ts'

const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' }

/** "1.8.1" of "crun version 1.8.1", the first number with dots; undefined when the program is not there. */
export async function programVersion(host: Host, program: string): Promise<string | undefined> {
  try {
    const { stdout } = await host.exec.run([program, '--version'], { timeoutMs: 10_000 })
    return /\d+(?:\.\d+)+(?:-rc\.?\d+)?/.exec(stdout)?.[0] ?? 'unknown'
  } catch {
    return undefined // not installed, or broken: doctor tells
  }
}

/** The distribution's name in /etc/os-release's text. */
export function prettyName(osRelease: string): string {
  const value = /^PRETTY_NAME=(.*)$/m.exec(osRelease)?.[1] ?? 'Linux'
  return value.replaceAll(/^"|"$/g, '')
}

export async function readFacts(host: Host): Promise<HostFacts> {
  const runtimeProgram = findProgram(host, 'crun') ?? findProgram(host, 'runc') ?? 'crun'
  const [runtimeVersion, conmonVersion] = await Promise.all([
    programVersion(host, runtimeProgram),
    programVersion(host, 'conmon'),
  ])
  return {
    hostname: hostname(),
    kernelVersion: release(),
    operatingSystem: prettyName(host.files.readTextSync('/etc/os-release') ?? ''),
    architecture: GO_ARCHITECTURES[arch()] ?? arch(),
    machine: machine(),
    processors: cpus().length,
    memoryBytes: totalmem(),
    cgroupLayout: detectCgroupLayout(host).kind,
    runtime: {
      name: runtimeProgram.slice(runtimeProgram.lastIndexOf('/') + 1),
      path: runtimeProgram,
      version: runtimeVersion ?? 'not installed',
    },
    conmonVersion: conmonVersion ?? 'not installed',
  }
}
