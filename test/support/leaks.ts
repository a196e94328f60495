/**
 * What an engine has in the kernel and on disk, found by the names that engine/config.ts derives from its root and read
 * from the system (mountinfo, ip, nft, cgroupfs, /proc), never from the engine. A test that ends with any of it leaked.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { EngineConfig } from '../../src/engine/config.ts'
import { runCommand } from './command.ts'

export interface Traces {
  /** Mount points below the root or the run folder. */
  readonly mounts: readonly string[]
  readonly netns: readonly string[]
  readonly links: readonly string[]
  readonly tables: readonly string[]
  readonly cgroups: readonly string[]
  /** "PID command line": names the root or the run folder, or sits in one of the cgroups. */
  readonly processes: readonly string[]
  /** Containers, volumes and temporary files on disk. */
  readonly files: readonly string[]
}

function listFolder(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : []
}

function mountsOf({ paths }: EngineConfig): string[] {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
  return points.filter((point) => [paths.root, paths.run].some((folder) => `${point}/`.startsWith(`${folder}/`)))
}

async function linksOf({ bridgePrefix, vethPrefix }: EngineConfig): Promise<string[]> {
  const { stdout } = await runCommand(['ip', '-j', 'link', 'show'])
  const names = (JSON.parse(stdout) as { ifname: string }[]).map((link) => link.ifname)
  return names.filter((name) => name.startsWith(bridgePrefix) || name.startsWith(vethPrefix))
}

async function tablesOf({ nftTable }: EngineConfig): Promise<string[]> {
  const { stdout } = await runCommand(['nft', '-j', 'list', 'tables'])
  const { nftables } = JSON.parse(stdout) as { nftables: { table?: { family: string; name: string } }[] }
  return nftables.flatMap(({ table }) => (table?.name === nftTable ? [`${table.family} ${table.name}`] : []))
}

const CGROUP_ROOT = '/sys/fs/cgroup'

/** The engine's parent in every hierarchy, and all below, deepest first. */
function cgroupsOf({ cgroupParent }: EngineConfig): string[] {
  const hierarchies = [CGROUP_ROOT, ...listFolder(CGROUP_ROOT).map((name) => join(CGROUP_ROOT, name))]
  const found = new Set<string>()
  for (const hierarchy of hierarchies) {
    const top = join(hierarchy, cgroupParent)
    if (!existsSync(top)) continue
    found.add(top)
    for (const entry of readdirSync(top, { recursive: true, withFileTypes: true }))
      if (entry.isDirectory()) found.add(join(entry.parentPath, entry.name))
  }
  return [...found].toSorted((a, b) => b.length - a.length)
}

function readProcess(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return '' // it has ended meanwhile
  }
}

function processesOf({ paths, cgroupParent }: EngineConfig): string[] {
  const own = new Set([String(process.pid), String(process.ppid)])
  const found: string[] = []
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && !own.has(name))) {
    const commandLine = readProcess(pid, 'cmdline').replaceAll('\0', ' ').trim()
    const names = [paths.root, paths.run].some(
      (folder) => `${commandLine} `.match(new RegExp(`${folder}[/ ]`)) !== null,
    )
    const isInside = readProcess(pid, 'cgroup').includes(`/${cgroupParent}/`)
    if (names || isInside) found.push(`${pid} ${commandLine}`)
  }
  return found
}

export async function findTraces(config: EngineConfig): Promise<Traces> {
  const { paths } = config
  return {
    mounts: mountsOf(config),
    netns: listFolder(paths.netns),
    links: await linksOf(config),
    tables: await tablesOf(config),
    cgroups: cgroupsOf(config),
    processes: processesOf(config),
    files: [paths.containers, paths.volumes, paths.temporary].flatMap((folder) =>
      listFolder(folder).map((name) => join(folder, name)),
    ),
  }
}

/** "links: mc3fa-…", one line a find. */
export function describeTraces(traces: Partial<Traces>): string[] {
  return Object.entries(traces).flatMap(([kind, found]) => found.map((one) => `${kind}: ${one}`))
}

/**
 * Of a running engine without containers: its own process may be there, its table, the empty parent and conmon cgroups, and
 * `containers` and run/build mounted on themselves (the hybrid view of runtime/). A bridge may not: `down` removes the networks.
 */
export function idleLeaks(config: EngineConfig, traces: Traces, enginePid: number | undefined): string[] {
  const { tables: _tables, ...rest } = traces
  return describeTraces({
    ...rest,
    mounts: traces.mounts.filter((point) => ![config.paths.containers, config.paths.buildSteps].includes(point)),
    cgroups: traces.cgroups.filter((path) => !/^$|\/conmon$/.test(path.split(`/${config.cgroupParent}`)[1] ?? '')),
    processes: traces.processes.filter((line) => !line.startsWith(`${enginePid} `)),
  })
}

/** Removes by force what a failed test left: processes first, then mounts, links, tables, cgroups and files. */
export async function sweep(config: EngineConfig): Promise<void> {
  for (let round = 0; round < 50; round += 1) {
    const { processes } = await findTraces(config)
    if (processes.length === 0) break
    for (const line of processes) {
      const pid = Number.parseInt(line, 10)
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        continue // ended by itself
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { mounts, links, tables, cgroups } = await findTraces(config)
  for (const point of mounts.toReversed()) await runCommand(['umount', '-l', point])
  for (const link of links) await runCommand(['ip', 'link', 'delete', link])
  for (const table of tables) await runCommand(['nft', 'delete', 'table', ...table.split(' ')])
  for (const cgroup of cgroups) await runCommand(['rmdir', cgroup])
  rmSync(config.paths.run, { recursive: true, force: true })
  rmSync(config.paths.root, { recursive: true, force: true })
}
