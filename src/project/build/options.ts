/** What the command line may say of a build, beside what the file says. Types only. */

export interface BuildOverrides {
  /** Null: the project's variable of that name, or none. Only what a Dockerfile declares counts. */
  readonly args?: Readonly<Record<string, string | null>>
  readonly noCache?: boolean
  readonly pull?: boolean
  readonly memoryBytes?: number
  /** Id -> path; "" is the user's agent. Added to what the file has. */
  readonly ssh?: Readonly<Record<string, string>>
  /** Lint only. */
  readonly check?: boolean
}
