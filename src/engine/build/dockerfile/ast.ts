/**
 * A Dockerfile as the parser leaves it: instructions in their order, nothing expanded, every word with its place.
 * Types only. Source: Dockerfile reference (docs.docker.com/reference/dockerfile), BuildKit frontend 1.2x.
 */
import type { SourceRange } from '../../../api/types/build.ts'

/** Text of the file, quotes and `$x` still in it. */
export interface Word {
  readonly text: string
  readonly range: SourceRange
}

export interface Heredoc {
  /** "EOF" */
  readonly name: string
  /** Tabs taken off already when it was `<<-`. Ends with a line end unless empty. */
  readonly content: string
  /** As it stands in the file: what a shell gets that reads the heredoc itself. */
  readonly raw: string
  /** False when the delimiter was quoted. */
  readonly expands: boolean
  readonly range: SourceRange
}

/** "Exec": a JSON list of strings. "Shell": the text as written, continuation lines joined as BuildKit joins them. */
export type CommandForm =
  | { readonly kind: 'exec'; readonly argv: readonly string[]; readonly range: SourceRange }
  | { readonly kind: 'shell'; readonly text: string; readonly range: SourceRange }

/** Key and value of ENV, LABEL, ARG; `value` undefined: ARG without a default. */
export interface Pair {
  readonly key: Word
  readonly value: Word | undefined
}

interface Common {
  /** The whole instruction, heredocs and all. */
  readonly range: SourceRange
  /** The keyword as written: "from". */
  readonly keyword: Word
  /**
   * As step names show it: keyword in capitals, continuation lines joined as BuildKit joins them (what indents them stays),
   * heredocs left out.
   */
  readonly text: string
  /** Comment lines right above it, without "#". */
  readonly comments: readonly string[]
  readonly heredocs: readonly Heredoc[]
}

/** `--mount=type=cache,target=/x,...` of RUN: keys and values, unexpanded, in their order; checked by mount.ts after expansion. */
export interface MountFlag {
  readonly range: SourceRange
  readonly entries: readonly { readonly key: string; readonly value: string | undefined; readonly range: SourceRange }[]
}

export interface FromInstruction extends Common {
  readonly kind: 'from'
  readonly image: Word
  readonly platform: Word | undefined
  /** As written; compare in lower case. */
  readonly as: Word | undefined
  /** "AS", as written. Undefined when there is no name. */
  readonly asKeyword?: string
}

export interface RunInstruction extends Common {
  readonly kind: 'run'
  readonly command: CommandForm
  readonly mounts: readonly MountFlag[]
  readonly network: Word | undefined
  readonly security: Word | undefined
  readonly devices: readonly Word[]
}

/** Both COPY and ADD; which flags each takes is checked by the parser. */
export interface CopyInstruction extends Common {
  readonly kind: 'copy' | 'add'
  /** Words and heredocs in their order. */
  readonly sources: readonly (
    | { readonly kind: 'path'; readonly word: Word }
    | { readonly kind: 'heredoc'; readonly heredoc: Heredoc }
  )[]
  readonly destination: Word
  readonly from: Word | undefined
  readonly chown: Word | undefined
  readonly chmod: Word | undefined
  readonly link: boolean
  readonly parents: boolean
  readonly excludes: readonly Word[]
  /** ADD only. */
  readonly checksum: Word | undefined
  readonly keepGitDir: boolean | undefined
  readonly unpack: boolean | undefined
}

export interface EnvInstruction extends Common {
  readonly kind: 'env'
  readonly pairs: readonly Pair[]
  /** `ENV A b` without "=". */
  readonly isLegacy: boolean
}

export interface LabelInstruction extends Common {
  readonly kind: 'label'
  readonly pairs: readonly Pair[]
  readonly isLegacy: boolean
}

export interface ArgInstruction extends Common {
  readonly kind: 'arg'
  readonly pairs: readonly Pair[]
}

export interface CommandInstruction extends Common {
  readonly kind: 'cmd' | 'entrypoint'
  readonly command: CommandForm
}

export interface ShellInstruction extends Common {
  readonly kind: 'shell'
  readonly argv: readonly string[]
}

/** One text that is expanded: WORKDIR, USER, STOPSIGNAL, MAINTAINER. */
export interface TextInstruction extends Common {
  readonly kind: 'workdir' | 'user' | 'stopsignal' | 'maintainer'
  readonly value: Word
}

/** Words that are expanded: EXPOSE (sorted by their text, as BuildKit does), VOLUME (its JSON form too). */
export interface WordsInstruction extends Common {
  readonly kind: 'expose' | 'volume'
  readonly words: readonly Word[]
}

export interface HealthcheckInstruction extends Common {
  readonly kind: 'healthcheck'
  /** Undefined: NONE. */
  readonly command: CommandForm | undefined
  /** Durations in nanoseconds. */
  readonly intervalNs: number | undefined
  readonly timeoutNs: number | undefined
  readonly startPeriodNs: number | undefined
  readonly startIntervalNs: number | undefined
  readonly retries: number | undefined
}

export interface OnbuildInstruction extends Common {
  readonly kind: 'onbuild'
  /** The inner instruction's text, as the image's configuration keeps it. */
  readonly inner: string
  readonly instruction: StageInstruction
}

/** All that may stand in a stage. */
export type StageInstruction =
  | RunInstruction
  | CopyInstruction
  | EnvInstruction
  | LabelInstruction
  | ArgInstruction
  | CommandInstruction
  | ShellInstruction
  | TextInstruction
  | WordsInstruction
  | HealthcheckInstruction
  | OnbuildInstruction

export interface Stage {
  readonly index: number
  /** In lower case; undefined when it has none. */
  readonly name: string | undefined
  readonly from: FromInstruction
  readonly instructions: readonly StageInstruction[]
}

export interface Directives {
  /** `# syntax=`: kept and told, never run. */
  readonly syntax: Word | undefined
  readonly escape: '\\' | '`'
  /** `# check=skip=A,B;error=true`; "all" may stand for all rules. */
  readonly check:
    | { readonly skip: readonly string[]; readonly error: boolean; readonly experimental: readonly string[] }
    | undefined
}

export interface Dockerfile {
  /** As the user knows it: "./web/Dockerfile". */
  readonly file: string
  /** The source in lines, without line ends: for excerpts. */
  readonly lines: readonly string[]
  readonly directives: Directives
  /** ARGs before the first FROM. */
  readonly globalArgs: readonly ArgInstruction[]
  /** At least one. */
  readonly stages: readonly Stage[]
  /** What the parser itself has seen for the lint checks that need the raw text (empty continuations ...). */
  readonly notes: readonly { readonly rule: string; readonly message: string; readonly range: SourceRange }[]
}
