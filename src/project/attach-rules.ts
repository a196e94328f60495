/** What the options of an attached `up` mean: whose output is shown, and which exit ends the run. Pure. */
import type { AttachOptions } from './attach-up.ts'
import type { Exit } from './follow.ts'
import type { UpPlan } from './reconcile/up.ts'

/** The exit code that ends the run, or undefined when it goes on. */
export function abortCode(options: AttachOptions, { exitCode }: Exit): number | undefined {
  if (options.abortOnContainerFailure === true) return exitCode === 0 ? undefined : exitCode
  return options.abortOnContainerExit === true || options.exitCodeFrom !== undefined ? exitCode : undefined
}

/** Named by --attach, else what was asked for (with dependencies where wished), without --no-attach and `attach: false`. */
export function servicesToFollow({ desired }: UpPlan, options: AttachOptions): ReadonlySet<string> {
  const { attach = [], noAttach = [], attachDependencies = false } = options
  const wanted = desired.filter(({ wanted: { service, targeted } }) => {
    if (attach.length > 0) return attach.includes(service.name)
    if (noAttach.includes(service.name) || service.attach === false) return false
    return targeted || attachDependencies
  })
  return new Set(wanted.map(({ wanted: { service } }) => service.name))
}
