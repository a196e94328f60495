/**
 * What is to be done, as a graph: the result of plan/ (pure), the input of the solver. An operation makes a state (a stack
 * of layers) from the state below it and from what it reads besides. Types only.
 *
 * The cache key of an operation is the hash of its definition, of the CONTENT it stands on (the chain id of the state
 * below) and of the content it reads (checksums without mtime), so it is computed when its inputs are there: cache/keys.ts.
 */
import type { BuildSource, SourceRange } from '../../api/types/build.ts'
import type { Ulimit } from '../../api/types/container.ts'
import type { ImageConfig } from '../../api/types/index.ts'

/** Index in Plan.operations. */
export type OperationId = number

/** What COPY, ADD and mounts read from. */
export type Origin =
  | { readonly kind: 'state'; readonly operation: OperationId }
  /** The main context ("context") or a named one. */
  | { readonly kind: 'context'; readonly name: string; readonly source: BuildSource }
  /** An image that is read only, not built on. */
  | { readonly kind: 'image'; readonly image: BaseImage }

export interface BaseImage {
  /** Canonical reference with digest where one is known: what was asked for, for step names. */
  readonly reference: string
  /** "sha256:<config digest>" of the image in the store. */
  readonly id: string
  readonly chainIds: readonly string[]
  readonly config: ImageConfig
}

/** `--device` of RUN: run/devices.ts says what names mean. */
export interface RunDevice {
  readonly name: string
  /** Else the step goes on without it. */
  readonly isRequired: boolean
}

export type RunMount =
  | {
      readonly kind: 'bind'
      readonly target: string
      readonly from: Origin
      readonly source: string
      readonly readOnly: boolean
    }
  | {
      readonly kind: 'cache'
      readonly target: string
      readonly id: string
      readonly sharing: 'shared' | 'private' | 'locked'
      /** Its first content; undefined: empty. */
      readonly from: Origin | undefined
      readonly source: string
      readonly readOnly: boolean
      readonly mode: number
      readonly uid: number
      readonly gid: number
    }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly sizeBytes: number | undefined }
  | {
      readonly kind: 'secret'
      readonly id: string
      /** Undefined: no file. */
      readonly target: string | undefined
      /** Name of an environment variable that gets it. */
      readonly env: string | undefined
      readonly required: boolean
      readonly mode: number
      readonly uid: number
      readonly gid: number
    }
  | {
      readonly kind: 'ssh'
      readonly id: string
      readonly target: string
      readonly required: boolean
      readonly mode: number
      readonly uid: number
      readonly gid: number
    }

/** `mode` in octal, or the changes of chmod(1): "u+x,go-w". */
export type ModeChange =
  | { readonly kind: 'octal'; readonly mode: number }
  | { readonly kind: 'symbolic'; readonly text: string }

export type CopySource =
  /** Wildcards of Go's filepath.Match; relative to the root of `from`, cleaned, without a leading "/". */
  | { readonly kind: 'path'; readonly from: Origin; readonly pattern: string }
  | { readonly kind: 'text'; readonly name: string; readonly content: string }
  | { readonly kind: 'http'; readonly url: string; readonly checksum: string | undefined; readonly unpack: boolean }
  | { readonly kind: 'git'; readonly url: string; readonly checksum: string | undefined; readonly keepGitDir: boolean }

export type Work =
  /** Nothing is below. */
  | { readonly kind: 'scratch' }
  | { readonly kind: 'image'; readonly image: BaseImage }
  | {
      readonly kind: 'run'
      readonly argv: readonly string[]
      /** Shell form: how it reads in history, without the shell: "apt-get update". */
      readonly commandText: string
      /** "K=V", of the image and the ARGs that are in scope, as the process gets them. */
      readonly env: readonly string[]
      /** Values that the process gets and the key does not know: proxies. */
      readonly hiddenEnv: readonly string[]
      readonly workingDirectory: string
      /** "", "user", "user:group", "1000". */
      readonly user: string
      readonly mounts: readonly RunMount[]
      readonly network: 'default' | 'none' | 'host'
      readonly security: 'sandbox' | 'insecure'
      /** CDI devices; absent: none. */
      readonly devices?: readonly RunDevice[]
      /** Content of a heredoc script whose first line is "#!": it becomes a file that is run. */
      readonly script: string | undefined
      readonly shmSizeBytes: number | undefined
      readonly ulimits: readonly Ulimit[]
      readonly extraHosts: readonly string[]
      readonly hostname: string | undefined
      /** SOURCE_DATE_EPOCH in seconds: nothing in the layer is younger. */
      readonly epochSeconds?: number | undefined
    }
  | {
      readonly kind: 'copy'
      readonly sources: readonly CopySource[]
      /** Absolute; a trailing "/" (or ".") means that it is a folder. */
      readonly destination: string
      /** "user:group", resolved in the state below. Undefined: 0:0. */
      readonly chown: string | undefined
      readonly chmod: ModeChange | undefined
      readonly parents: boolean
      readonly excludes: readonly string[]
      /** A layer of its own that never looks at what is below. */
      readonly link: boolean
      /** ADD: tars among local sources are unpacked. */
      readonly unpacksArchives: boolean
      /** SOURCE_DATE_EPOCH in seconds. */
      readonly epochSeconds: number | undefined
    }
  /** WORKDIR: the folder, made if it is not there, owned by the user. */
  | { readonly kind: 'mkdir'; readonly path: string; readonly user: string; readonly epochSeconds: number | undefined }

export interface Operation {
  readonly id: OperationId
  /** The state that it stands on; undefined for scratch and image. */
  readonly base: OperationId | undefined
  readonly work: Work
  /** "[web 2/5] RUN npm ci" */
  readonly name: string
  /** Name or index of the stage. */
  readonly stage: string
  readonly range: SourceRange
  /** --no-cache or its filter. */
  readonly ignoresCache: boolean
}

/** What becomes of the image: its configuration, and which of its steps made a layer. */
export interface PlannedImage {
  readonly operation: OperationId
  /** Without rootfs, created and history's times. */
  readonly config: Omit<ImageConfig, 'rootfs' | 'history' | 'created'>
  /** Oldest first, those of the base image included; a step with `operation` has a layer, if that operation made one. */
  readonly history: readonly {
    readonly created_by?: string
    readonly comment?: string
    readonly author?: string
    readonly created?: string
    readonly empty_layer?: boolean
    readonly operation?: OperationId
  }[]
  readonly epochSeconds: number | undefined
}

export interface Plan {
  /** Inputs come before those that need them; identical ones are there once; only what the target needs. */
  readonly operations: readonly Operation[]
  readonly image: PlannedImage
  /** Build arguments that no ARG took. */
  readonly unusedArgs: readonly string[]
}
