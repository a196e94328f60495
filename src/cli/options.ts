/** Parsers of option values, shared by the commands, and the two ways to build option objects. */
import { InvalidArgumentError, Option, type Command } from 'commander'

/** Adds a repeated option to its list. */
export function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value]
}

/** `--no-x VALUE`, collected as `noX`: commander would take it for the negation of `--x`. */
export function noValueOption(flags: string, description: string): Option {
  const option = new Option(flags, description).argParser(collect)
  const attribute = option.name().replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())
  option.negate = false
  option.attributeName = () => attribute
  return option
}

/** `--no-x` beside an `--x`, as an option of its own (`noX`), so that neither, either and both can be told apart. */
export function noOption(flags: string, description: string): Option {
  const option = new Option(flags, description)
  const attribute = option.name().replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())
  option.negate = false
  option.attributeName = () => attribute
  return option
}

/** A whole number, maybe negative. */
export function integer(value: string): number {
  if (!/^[+-]?\d{1,15}$/.test(value)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(value)
}

export function positiveInteger(value: string): number {
  const number = integer(value)
  if (number < 1) throw new InvalidArgumentError('It must be 1 or more.')
  return number
}

/** `N` or `all`, as `logs --tail` takes it; a negative number means all, as docker reads it. */
export function tailLines(value: string): string {
  if (value === 'all') return value
  const lines = integer(value)
  return lines < 0 ? 'all' : String(lines)
}

/** SERVICE=N, collected: { web: 3 }. */
export function scale(
  value: string,
  previous: Readonly<Record<string, number>> | undefined,
): Readonly<Record<string, number>> {
  const [service, count, ...rest] = value.split('=')
  if (service === undefined || service === '' || count === undefined || !/^\d{1,6}$/.test(count) || rest.length > 0)
    throw new InvalidArgumentError('It must look like SERVICE=NUM.')
  return { ...previous, [service]: Number(count) }
}

/** Signal names and numbers as kill(1) takes them: "SIGHUP", "HUP", "9". */
export function signalName(value: string): string {
  if (!/^(?:SIG)?[A-Z][A-Z0-9+-]{1,9}$|^\d{1,2}$/i.test(value))
    throw new InvalidArgumentError('It must be a signal such as SIGHUP or 9.')
  return value.toUpperCase()
}

type OptionalKeys<T> = { [K in keyof T]-?: undefined extends T[K] ? K : never }[keyof T]
type Present<T> = Omit<T, OptionalKeys<T>> & { [K in OptionalKeys<T>]?: Exclude<T[K], undefined> }

/** The object without its undefined members. */
export function present<T extends object>(value: T): Present<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Present<T>
}

/**
 * Lets options without a value be written as docker's can: `--sig-proxy=false`, `--interactive=true`. Looks as far as the
 * first argument: what follows may be another program's command line.
 */
export function acceptBooleanValues(command: Command): void {
  const parse = command.parseOptions.bind(command)
  command.parseOptions = (argv) => parse(withoutBooleanValues(command, argv))
}

function withoutBooleanValues(command: Command, argv: readonly string[]): string[] {
  const result: string[] = []
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? ''
    if (!word.startsWith('-') || word === '--') return [...result, ...argv.slice(at)]
    const [flag = '', value] = word.split('=')
    const option = command.options.find(({ short, long }) => short === flag || long === flag)
    const takesValue = option?.required === true || option?.optional === true
    if (option === undefined || takesValue || (value !== 'true' && value !== 'false')) result.push(word)
    else if (value === 'true') result.push(flag)
    else result.push(flag.startsWith('--no-') ? `--${flag.slice(5)}` : `--no-${flag.slice(2)}`)
    // its value is no argument
    if (option?.required === true && value === undefined && flag === word)
      result.push(...argv.slice(at + 1, (at += 1) + 1))
  }
  return result
}
