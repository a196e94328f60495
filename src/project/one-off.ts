/** One container more of a service, as `run` makes it: what is known of it before anything is done. Pure. */

export interface OneOff {
  readonly service: string
  /** Absent: PROJECT-SERVICE-run-RANDOM. */
  readonly name?: string
  /** Hex digits: what tells one-offs of a service apart. */
  readonly slug: string
  /** The engine removes it, with its anonymous volumes, when it has ended. */
  readonly autoRemove: boolean
  /** Its input is given by whoever attaches first, and ends with that. */
  readonly attachStdin: boolean
  /** Rows and columns of the terminal at the start. */
  readonly consoleSize?: readonly [number, number]
  /** Answer to the service's own names, too. */
  readonly useAliases: boolean
}

const SLUG_DIGITS = 12

/** @example oneOffName("p", { service: "web", slug: "0123456789abcdef", ... }) === "p-web-run-0123456789ab" */
export function oneOffName(projectName: string, { service, name, slug }: OneOff): string {
  return name ?? `${projectName}-${service}-run-${slug.slice(0, SLUG_DIGITS)}`
}
