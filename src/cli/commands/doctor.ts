/** `doctor`: what this machine has and lacks; the engine's own findings join in when it runs. */
import { Option, type Command } from 'commander'
import type { DoctorFinding } from '../../api/types/index.ts'
import { NotFoundError } from '../../errors.ts'
import { checkMachine } from '../checks.ts'
import { answers } from '../engine.ts'
import { addExamples } from '../help.ts'
import { stripControls } from '../output/controls.ts'
import type { Style } from '../output/style.ts'
import type { Invoke } from '../program.ts'
import type { Session } from '../session.ts'

/** Doctor starts nothing. */
const NOT_ASKED =
  'does not run: kernel, versions and their known holes, firewall, addresses and limits are looked at by it alone'

interface DoctorFlags {
  readonly format: 'pretty' | 'json'
  readonly json?: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Checks everything that the engine needs, and says what to do. Exit code 1 when something is missing.')
    .addOption(new Option('--format <format>', 'output format').choices(['pretty', 'json']).default('pretty'))
    .option('--json', 'the same as --format json')
    .action((flags: DoctorFlags) => invoke((session) => run(session, flags)))
  addExamples(command, [
    ['doctor', 'for people'],
    ['doctor --json', 'an array of findings'],
  ])
}

async function run(session: Session, { format, json }: DoctorFlags): Promise<number> {
  const own = checkMachine(session.io)
  const engine = await askEngine(session)
  const findings = [...own.filter(({ check }) => !engine.some((finding) => finding.check === check)), ...engine]
  const text =
    json === true || format === 'json'
      ? `${JSON.stringify(findings, undefined, 2)}\n`
      : formatFindings(findings, await session.style('stdout'))
  await session.print(text)
  return findings.some(({ status }) => status === 'failed') ? 1 : 0
}

async function askEngine(session: Session): Promise<readonly DoctorFinding[]> {
  const location = await session.engineLocation()
  const check = 'engine'
  try {
    if (!(await answers(location, session.io)))
      return [{ check, status: 'warning', message: NOT_ASKED, fix: 'mycompose engine start, then mycompose doctor' }]
    const client = await session.client()
    const { Version } = await client.version()
    const running: DoctorFinding = { check, status: 'ok', message: `runs, version ${Version}, ${location.socketPath}` }
    return [running, ...(await client.doctor())]
  } catch (error) {
    // another engine than ours has no doctor
    if (error instanceof NotFoundError) return [{ check, status: 'ok', message: `answers at ${location.socketPath}` }]
    return [{ check, status: 'failed', message: error instanceof Error ? error.message : String(error) }]
  }
}

export function formatFindings(findings: readonly DoctorFinding[], style: Style): string {
  const width = Math.max(...findings.map(({ check }) => check.length)) + 2
  const lines = findings.flatMap(({ check, status, message, fix }) => {
    const mark = { ok: style.green('ok     '), warning: style.yellow('warning'), failed: style.red('failed ') }[status]
    const line = `${mark}  ${stripControls(check).padEnd(width)}${stripControls(message)}`
    return fix === undefined ? [line] : [line, `${' '.repeat(9 + width)}${style.blue('fix:')} ${stripControls(fix)}`]
  })
  const failed = findings.filter(({ status }) => status === 'failed').length
  const verdict = failed === 0 ? 'Everything that is needed is there.' : `${failed} of the checks failed.`
  return `${lines.join('\n')}\n\n${verdict}\n`
}
