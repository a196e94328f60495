/** Colours as functions of text; none of them does anything when the output wants no colours (chalk is not even loaded). */
export type Paint = (text: string) => string

export interface Style {
  readonly enabled: boolean
  readonly bold: Paint
  readonly dim: Paint
  readonly red: Paint
  readonly green: Paint
  readonly yellow: Paint
  readonly blue: Paint
  /** Prefixes of log lines, in docker compose's order, used round-robin. */
  readonly palette: readonly Paint[]
}

const plain: Paint = (text) => text

export const plainStyle: Style = {
  enabled: false,
  bold: plain,
  dim: plain,
  red: plain,
  green: plain,
  yellow: plain,
  blue: plain,
  palette: [plain],
}

export function wantsColour(ansi: 'auto' | 'never' | 'always', isTerminal: boolean): boolean {
  return ansi === 'always' || (ansi === 'auto' && isTerminal)
}

export async function loadStyle(enabled: boolean): Promise<Style> {
  if (!enabled) return plainStyle
  const { Chalk } = await import('chalk')
  const chalk = new Chalk({ level: 1 })
  const { cyan, yellow, green, magenta, blue } = chalk
  const { cyanBright, yellowBright, greenBright, magentaBright, blueBright } = chalk
  return {
    enabled: true,
    bold: chalk.bold,
    dim: chalk.dim,
    red: chalk.red,
    green,
    yellow,
    blue,
    palette: [cyan, yellow, green, magenta, blue, cyanBright, yellowBright, greenBright, magentaBright, blueBright],
  }
}
