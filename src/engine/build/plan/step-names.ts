/** Names of steps as BuildKit shows them: "[web 2/5] RUN npm ci". PURE. */
import type { StageInstruction } from '../dockerfile/ast.ts'
import type { StageNode } from './stage-graph.ts'

/** Counts the steps of one stage as they are named. */
export interface StepNames {
  next(text: string, isOnbuild?: boolean): string
}

function isStep({ kind }: StageInstruction): boolean {
  return kind === 'run' || kind === 'copy' || kind === 'add' || kind === 'workdir'
}

export function createStepNames({ shownName, base }: StageNode, instructions: readonly StageInstruction[]): StepNames {
  const hasBase = base.kind === 'image' || (base.kind === 'context' && !base.isWholeStage)
  const total = instructions.filter(isStep).length + (hasBase ? 1 : 0)
  let number = 0
  return {
    next(text, isOnbuild = false) {
      number += 1
      const stage = shownName === '' ? '' : `${shownName} `
      const count = String(number).padStart(String(total).length)
      return `[${stage}${count}/${total}] ${isOnbuild ? 'ONBUILD ' : ''}${text}`
    },
  }
}
