/**
 * Every point at which kill -9 can hit an engine so that the next one finds something else: each call of the host (the
 * only door to the operating system) and each statement that changes state.db. Between two of them nothing changes but
 * what children do by themselves.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { StatementSync, type StatementResultingChanges } from 'node:sqlite'
import type { Host } from '../../src/host/host.ts'

export interface CrashPoints {
  /** The host whose calls are points. */
  readonly host: Host
  /** From here on points count; the process kills itself before the `fatal`th (0: never). */
  arm(fatal: number): void
  /** What the points since `arm` were: "files.rm /run/x". */
  readonly passed: readonly string[]
}

type Callable = (this: unknown, ...values: unknown[]) => unknown

/** Reading and waiting changes nothing, so the point before it is the same as the one after. */
const HARMLESS =
  /^(?:clock|randomHex|processes\.(?:startTime|withArguments)|files\.(?:read\w*|existsSync|l?stat\w*|access|realpath|watch))/

export function createCrashPoints(real: Host): CrashPoints {
  const passed: string[] = []
  let fatal: number | undefined

  function pass(what: string): void {
    if (fatal === undefined) return
    passed.push(what)
    if (passed.length === fatal) process.kill(process.pid, 'SIGKILL')
  }

  /** Objects of the host, and the files that it opens. */
  function guard<T extends object>(target: T, name: string): T {
    return new Proxy(target, {
      get(_, key) {
        const value: unknown = Reflect.get(target, key)
        const path = name === '' ? String(key) : `${name}.${String(key)}`
        if (typeof value === 'function') return guardCall(value as Callable, target, path)
        return typeof value === 'object' && value !== null ? guard(value, path) : value
      },
    })
  }

  /** Two system calls in one: a crash between them is a point too. */
  function writeFifoSync(path: string, text: string): void {
    const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
    pass(`files.writeFifoSync, opened ${path}`)
    writeSync(fd, text)
    closeSync(fd)
  }

  function guardCall(call: Callable, target: object, path: string): Callable {
    if (path === 'files.writeFifoSync') return writeFifoSync as Callable
    return (...values) => {
      if (!HARMLESS.test(path)) pass(`${path} ${values.find((value) => typeof value === 'string') ?? ''}`.trim())
      const result = call.apply(target, values)
      if (path !== 'files.open') return result
      return (result as Promise<object>).then((file) => guard(file, 'file'))
    }
  }

  // node:sqlite has no other place where all statements come by
  const { run } = StatementSync.prototype as { readonly run: Callable }
  StatementSync.prototype.run = function (this: StatementSync, ...values: unknown[]) {
    pass(`state ${this.sourceSQL.slice(0, 40)}`)
    return run.apply(this, values) as StatementResultingChanges
  }

  return {
    host: guard(real, ''),
    passed,
    arm(at) {
      passed.length = 0
      fatal = at
    },
  }
}
