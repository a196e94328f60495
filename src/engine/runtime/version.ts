/** Versions of the kernel and of runtimes: what a version is needed for is known before it is tried. */
import type { OciRuntime } from './runtime.ts'
import { runTool } from './run-tool.ts'

/** PURE: the first version number in a text. @example hasVersion("crun version 1.8.1", [1, 4]) === true */
export function hasVersion(text: string, [major, minor]: readonly [number, number]): boolean {
  const [, first = '0', second = '0'] = /(\d+)\.(\d+)/.exec(text) ?? []
  return Number(first) > major || (Number(first) === major && Number(second) >= minor)
}

/** A function that gives the first line of `--version`; the program is run at its first call only. */
export function versionReader(spawn: OciRuntime['spawn'], path: string): () => Promise<string> {
  let text: Promise<string> | undefined
  return () => (text ??= runTool(spawn, [path, '--version']).then(({ stdout }) => stdout.split('\n')[0] ?? ''))
}
