/** `doctor`: what this machine has and lacks, by the engine that runs, or by its program alone; it starts none. */
import { Option, type Command } from 'commander'
import type { DoctorFinding } from '../../api/types/index.ts'
import { NotFoundError, ToolError } from '../../errors.ts'
import { checkMachine } from '../checks.ts'
import {
  answers,
  engineCommand,
  engineEnvironment,
  firstError,
  type EngineLocation,
  type OwnLocation,
} from '../engine.ts'
import { addExamples } from '../help.ts'
import { stripControls } from '../output/controls.ts'
import type { Style } from '../output/style.ts'
import type { CliIo } from '../io.ts'
import type { Invoke } from '../program.ts'
import type { Session } from '../session.ts'
import { hasSystemd, unitName, unitPath } from '../unit-name.ts'

/** An engine that is asked under load takes a second. */
const ANSWER_MS = 10_000
const ALONE_MS = 60_000

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
  const { io } = session
  const check = 'engine'
  try {
    if (!(await answers(location, io)))
      return location.kind === 'own'
        ? [notRunning(location, io), ...(await lookAlone(location, io))]
        : [unreachable(location)]
    const client = await session.client()
    const findings = await Promise.race([
      Promise.all([client.version(), client.doctor()]),
      io.host.clock.sleep(ANSWER_MS, session.signal),
    ])
    if (findings === undefined) return await stuck(location, io)
    const [{ Version }, found] = findings
    return [{ check, status: 'ok', message: `runs, version ${Version}, ${location.socketPath}` }, ...found]
  } catch (error) {
    // another engine than ours has no doctor
    if (error instanceof NotFoundError) return [{ check, status: 'ok', message: `answers at ${location.socketPath}` }]
    return [{ check, status: 'failed', message: error instanceof Error ? error.message : String(error) }]
  }
}

const unreachable = ({ socketPath }: EngineLocation): DoctorFinding => ({
  check: 'engine',
  status: 'failed',
  message: `nothing listens at ${socketPath}`,
  fix: 'start that engine, or leave out --host and DOCKER_HOST',
})

/** Doctor starts nothing. */
function notRunning({ config }: OwnLocation, io: CliIo): DoctorFinding {
  const check = 'engine'
  if (io.host.userId !== 0)
    return {
      check,
      status: 'warning',
      message:
        'does not run: kernel, versions and their known holes, firewall, addresses and limits are looked at as root',
      fix: 'sudo mycompose doctor',
    }
  if (io.host.files.existsSync(unitPath(config)) && hasSystemd(io))
    return {
      check,
      status: 'warning',
      message: `does not run, though ${unitName(config)} is installed`,
      fix: `systemctl status ${unitName(config)}; mycompose engine start`,
    }
  return { check, status: 'ok', message: 'does not run; the first command that needs it starts it' }
}

async function stuck(location: EngineLocation, io: CliIo): Promise<DoctorFinding[]> {
  const finding: DoctorFinding = {
    check: 'engine',
    status: 'failed',
    message: `takes connections at ${location.socketPath} and does not answer`,
    ...(location.kind === 'own' ? { fix: `see ${location.config.paths.log}` } : {}),
  }
  return [finding, ...(location.kind === 'own' ? await lookAlone(location, io) : [])]
}

/** What the engine's program finds without running as an engine; and when not even that is possible, why. */
async function lookAlone({ config }: OwnLocation, io: CliIo): Promise<readonly DoctorFinding[]> {
  if (io.host.userId !== 0) return []
  try {
    const { stdout } = await (
      await io.host.exec()
    ).run([...engineCommand(config, io), '--doctor'], {
      env: engineEnvironment(io.env),
      cwd: '/',
      timeoutMs: ALONE_MS,
    })
    return JSON.parse(stdout) as DoctorFinding[]
  } catch (error) {
    const said = error instanceof ToolError ? error.stderrTail : ''
    const why = firstError(said) ?? (error instanceof Error ? error.message : String(error))
    return [
      {
        check: 'program',
        status: 'failed',
        message: `the engine's program cannot run: ${why}`,
        fix: 'install mycompose again: npm install -g mycompose',
      },
    ]
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
