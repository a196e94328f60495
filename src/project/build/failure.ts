/** A build that failed, with all that the engine told: the lines of the Dockerfile, the end of the output. */
import type { BuildMessage, SourceExcerpt } from '../../api/types/build.ts'
import { MycomposeError } from '../../errors.ts'

type Told = Extract<BuildMessage, { readonly kind: 'error' }>

export class BuildError extends MycomposeError {
  readonly image: string
  /** "[web 2/5] RUN npm ci" */
  readonly stepName: string | undefined
  /** Of the command that failed. */
  readonly stepExitCode: number | undefined
  readonly source: SourceExcerpt | undefined
  readonly tail: readonly string[]

  constructor(image: string, told: Told, stepName: string | undefined) {
    super(`cannot build image "${image}": ${told.message}`, { code: told.code, hint: told.hint })
    this.image = image
    this.stepName = stepName
    this.stepExitCode = told.exitCode
    this.source = told.source
    this.tail = told.tail ?? []
  }
}
