/** Mounts of RUN as the plan has them, each with what is usual, and steps that have them. */
import type { RunMount } from '../../src/engine/build/plan.ts'
import { hostOrigin, type StepWish } from './build-run-support.ts'

export const main = { kind: 'context', name: 'context', source: { kind: 'directory', path: '/' } } as const

type Bind = Extract<RunMount, { kind: 'bind' }>
export type Cache = Extract<RunMount, { kind: 'cache' }>

export function bind(more: Partial<Bind> = {}): Bind {
  return { kind: 'bind', target: '/src', from: main, source: '', readOnly: true, ...more }
}

export function cache(more: Partial<Cache> = {}): Cache {
  const owner = { mode: 0o755, uid: 0, gid: 0 }
  return {
    kind: 'cache',
    target: '/cache',
    id: 'c',
    sharing: 'shared',
    from: undefined,
    source: '',
    readOnly: false,
    ...owner,
    ...more,
  }
}

export function secret(more: Partial<Extract<RunMount, { kind: 'secret' }>> = {}): RunMount {
  const owner = { mode: 0o400, uid: 0, gid: 0 }
  return {
    kind: 'secret',
    id: 'token',
    target: '/run/secrets/token',
    env: undefined,
    required: false,
    ...owner,
    ...more,
  }
}

export function ssh(more: Partial<Extract<RunMount, { kind: 'ssh' }>> = {}): RunMount {
  const owner = { mode: 0o600, uid: 0, gid: 0 }
  return { kind: 'ssh', id: 'default', target: '/run/buildkit/ssh_agent.0', required: false, ...owner, ...more }
}

/** `folder`: of the host, the origin of all of them. */
export function withMounts(mounts: readonly RunMount[], folder?: string, more: StepWish = {}): StepWish {
  return {
    ...more,
    work: { ...more.work, mounts },
    origins: new Map(folder === undefined ? [] : mounts.map((_, index) => [index, hostOrigin(folder)])),
  }
}
