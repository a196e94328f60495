/**
 * What rules know of a stage as its instructions go by: variables, declared ARGs, SHELL, WORKDIR. A stage built on another one
 * goes on with what that one left.
 */
import type { Stage } from '../ast.ts'

/** What is known of the image that a stage begins with. */
export interface LintBase {
  /** "K=V" of its configuration. */
  readonly env: readonly string[]
  /** Its configuration has a SHELL of its own. */
  readonly hasShell: boolean
  /** As FROM names it, and the platform it is for, when that is not the one that was asked for. */
  readonly mismatch?: { readonly image: string; readonly expected: string; readonly actual: string }
}

export interface StageState {
  /** Of ENV and ARG, as expansions see them. */
  readonly variables: Map<string, string>
  /** False: the base image is not known, so a variable may well be set. */
  knowsVariables: boolean
  /** Names of ARGs, with or without a value. */
  readonly declared: Set<string>
  hasShell: boolean
  hasWorkdir: boolean
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** `earlier`: the stage that FROM names. */
export function startState(base: LintBase | undefined, earlier: StageState | undefined): StageState {
  if (earlier !== undefined) {
    return { ...earlier, variables: new Map(earlier.variables), declared: new Set(earlier.declared) }
  }
  const variables = new Map([['PATH', DEFAULT_PATH]])
  for (const pair of base?.env ?? []) {
    const equals = pair.indexOf('=')
    variables.set(equals === -1 ? pair : pair.slice(0, equals), equals === -1 ? '' : pair.slice(equals + 1))
  }
  return {
    variables,
    knowsVariables: base !== undefined,
    declared: new Set(),
    hasShell: base === undefined || base.hasShell,
    hasWorkdir: false,
  }
}

/** The stage before `stage` that its FROM names, by its name. */
export function stageBelow(stages: readonly Stage[], stage: Stage, image: string): Stage | undefined {
  return stages.findLast(({ index, name }) => index < stage.index && name === image)
}
