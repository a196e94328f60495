/**
 * Compiles a seccomp filter to BPF with libseccomp (koffi), so that it is done once and not by the runtime at each
 * container start (about 8 ms each). libseccomp is loaded at the first use. Source: man 3 seccomp_init,
 * seccomp_rule_add, seccomp_export_bpf; include/seccomp.h.in for the numbers.
 */
import { closeSync, readFileSync } from 'node:fs'
import koffi from 'koffi'
import type { Libc } from './libc.ts'

/** Comparison of a syscall's argument, as in the OCI runtime spec. */
export interface SeccompArgument {
  readonly index: number
  readonly op: string
  readonly value: number
  readonly valueTwo?: number | undefined
}

export interface SeccompRule {
  readonly names: readonly string[]
  readonly action: string
  readonly errnoRet?: number | undefined
  readonly args?: readonly SeccompArgument[] | undefined
}

export interface SeccompFilter {
  readonly defaultAction: string
  readonly defaultErrnoRet?: number | undefined
  /** OCI names: "SCMP_ARCH_X86_64". The native one is always in. */
  readonly architectures: readonly string[]
  readonly syscalls: readonly SeccompRule[]
}

export interface Seccomp {
  /** The program's bytes, or undefined where libseccomp is missing or does not know a part of it. */
  compile(filter: SeccompFilter): Buffer | undefined
}

const ACTIONS: Readonly<Record<string, number>> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
}
const OPERATORS: Readonly<Record<string, number>> = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_LT: 2,
  SCMP_CMP_LE: 3,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GE: 5,
  SCMP_CMP_GT: 6,
  SCMP_CMP_MASKED_EQ: 7,
}
const EPERM = 1
const ATTRIBUTE_OPTIMIZE = 8
const BINARY_TREE = 2
const UNKNOWN_SYSCALL = -1
const EEXIST = -17
const EDOM = -33
const EFAULT = -14

function actionCode(action: string, errno: number | undefined): number | undefined {
  const code = ACTIONS[action]
  return code === undefined || action !== 'SCMP_ACT_ERRNO' ? code : code | (errno ?? EPERM)
}

/** struct scmp_arg_cmp[]: unsigned arg, int op, u64 datum_a, u64 datum_b. */
function encodeArguments(args: readonly SeccompArgument[]): Buffer | undefined {
  const bytes = Buffer.alloc(args.length * 24)
  for (const [position, { index, op, value, valueTwo = 0 }] of args.entries()) {
    const operator = OPERATORS[op]
    if (operator === undefined) return undefined
    bytes.writeUInt32LE(index, position * 24)
    bytes.writeInt32LE(operator, position * 24 + 4)
    bytes.writeBigUInt64LE(BigInt(value), position * 24 + 8)
    bytes.writeBigUInt64LE(BigInt(valueTwo), position * 24 + 16)
  }
  return bytes
}

function loadLibrary() {
  const library = koffi.load('libseccomp.so.2')
  return {
    init: library.func('void *seccomp_init(uint32_t action)'),
    release: library.func('void seccomp_release(void *filter)'),
    setAttribute: library.func('int seccomp_attr_set(void *filter, int attribute, uint32_t value)'),
    resolveArch: library.func('uint32_t seccomp_arch_resolve_name(const char *name)'),
    addArch: library.func('int seccomp_arch_add(void *filter, uint32_t token)'),
    resolve: library.func('int seccomp_syscall_resolve_name(const char *name)'),
    addRule: library.func(
      'int seccomp_rule_add_array(void *filter, uint32_t action, int syscall, uint count, const uint8_t *args)',
    ),
    export: library.func('int seccomp_export_bpf(void *filter, int fd)'),
  }
}

type Library = ReturnType<typeof loadLibrary>

/** False when the filter has a part that we cannot express. Syscalls that libseccomp does not know stay denied. */
function fill(library: Library, context: unknown, filter: SeccompFilter): boolean {
  library.setAttribute(context, ATTRIBUTE_OPTIMIZE, BINARY_TREE)
  for (const arch of filter.architectures) {
    const token = Number(library.resolveArch(arch.replace('SCMP_ARCH_', '').toLowerCase()))
    if (token === 0) return false
    const added = Number(library.addArch(context, token))
    if (added !== 0 && added !== EEXIST) return false
  }
  for (const rule of filter.syscalls) {
    const action = actionCode(rule.action, rule.errnoRet)
    const args = encodeArguments(rule.args ?? [])
    if (action === undefined || args === undefined) return false
    for (const name of rule.names) {
      const number = Number(library.resolve(name))
      if (number === UNKNOWN_SYSCALL) continue
      const added = Number(library.addRule(context, action, number, rule.args?.length ?? 0, args))
      // EDOM: the syscall does not exist on one of the architectures; EEXIST, EFAULT: the rule says nothing new
      if (added !== 0 && ![EDOM, EEXIST, EFAULT].includes(added)) return false
    }
  }
  return true
}

export function createSeccomp(libc: Libc): Seccomp {
  let library: Library | undefined | 'missing'
  function loaded(): Library | undefined {
    if (library === undefined) {
      try {
        library = loadLibrary()
      } catch {
        library = 'missing' // the runtime compiles the list itself: slower, not less safe
      }
    }
    return library === 'missing' ? undefined : library
  }
  const memfdCreate = libc.func('int memfd_create(const char *name, uint flags)')
  return {
    compile(filter) {
      const seccomp = loaded()
      const action = actionCode(filter.defaultAction, filter.defaultErrnoRet)
      if (seccomp === undefined || action === undefined) return undefined
      const context: unknown = seccomp.init(action)
      if (context === null) return undefined
      try {
        if (!fill(seccomp, context, filter)) return undefined
        const fd = Number(memfdCreate('seccomp', 1))
        if (fd < 0) return undefined
        try {
          return seccomp.export(context, fd) === 0 ? readFileSync(`/proc/self/fd/${fd}`) : undefined
        } finally {
          closeSync(fd)
        }
      } finally {
        seccomp.release(context)
      }
    },
  }
}
