/** PURE: what the devices of CDI specifications add to a container. Source: CDI SPEC.md (containerEdits), runtime-spec. */
import type { CdiEdits } from '../cdi.ts'
import type { OciHook, OciHooks, OciMount } from './oci.ts'

const HOOK_NAMES = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'] as const

export function toCdiMounts(edits: readonly CdiEdits[]): OciMount[] {
  return edits
    .flatMap(({ mounts = [] }) => mounts)
    .map(({ hostPath, containerPath, type, options }) => ({
      destination: containerPath,
      type: type ?? 'bind',
      source: hostPath,
      options: options ?? ['rbind', 'ro', 'nosuid', 'nodev'],
    }))
}

/** Undefined without any. */
export function toCdiHooks(edits: readonly CdiEdits[]): OciHooks | undefined {
  const all = edits.flatMap(({ hooks = [] }) => hooks)
  if (all.length === 0) return undefined
  const named = HOOK_NAMES.map((name): [string, OciHook[]] => [
    name,
    all.filter(({ hookName }) => hookName === name).map(({ hookName: _name, ...hook }) => hook),
  ])
  return Object.fromEntries(named.filter(([, hooks]) => hooks.length > 0))
}
