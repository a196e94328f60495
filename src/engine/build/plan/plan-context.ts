/** What all parts of planning share: the file, the request, what is known of its arguments, and how images are found. */
import type { BuildRequest } from '../../../api/types/build.ts'
import type { Dockerfile } from '../dockerfile/ast.ts'
import type { BaseImage } from '../plan.ts'
import type { Expander } from './expander.ts'
import type { Arguments } from './global-args.ts'
import type { OperationList } from './operation-list.ts'
import type { FindContext, ImageSource, StageNode } from './stage-graph.ts'
import type { Platform, StageState } from './stage-state.ts'

export interface ImageWish {
  readonly source: ImageSource
  readonly platform: Platform
  /** The Dockerfile or the request names the platform: an image of another one is an error. */
  readonly isPlatformAsked: boolean
}

/** Finds an image in the store, or brings it. The same wish may come several times. */
export type ResolveImage = (wish: ImageWish) => Promise<BaseImage>

export interface PlanContext {
  readonly dockerfile: Dockerfile
  readonly request: BuildRequest
  readonly nodes: readonly StageNode[]
  readonly operations: OperationList
  readonly expander: Expander
  readonly globals: Arguments
  readonly findContext: FindContext
  readonly resolveImage: ResolveImage
  readonly target: Platform
  readonly isPlatformAsked: boolean
  /** SOURCE_DATE_EPOCH. */
  readonly epochSeconds: number | undefined
  /** Names that an ARG has taken, for the warning about the others. */
  readonly declaredArgs: Set<string>
  /** Of a stage that comes before the one that asks; planned once. */
  readonly stageState: (index: number) => Promise<StageState>
}
