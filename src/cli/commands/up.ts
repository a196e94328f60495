/** `up`: options and their rules; the work is project/up.ts and project/attach-up.ts. */
import { Option, type Command } from 'commander'
import { NotFoundError, UsageError } from '../../errors.ts'
import { formatPlan } from '../../project/plan.ts'
import { up, type UpOptions } from '../../project/up.ts'
import type { BuildWish } from '../../project/build/needed.ts'
import type { AttachOptions } from '../../project/attach-up.ts'
import type { Project } from '../../compose/model.ts'
import { addExamples } from '../help.ts'
import { collect, integer, noOption, noValueOption, present, scale } from '../options.ts'
import type { Invoke } from '../program.ts'
import type { Session } from '../session.ts'

export interface UpFlags {
  readonly abortOnContainerExit?: boolean
  readonly abortOnContainerFailure?: boolean
  readonly alwaysRecreateDeps?: boolean
  readonly attach?: readonly string[]
  readonly attachDependencies?: boolean
  readonly build?: boolean
  readonly noBuild?: boolean
  readonly quietBuild?: boolean
  readonly color: boolean
  readonly deps: boolean
  readonly detach?: boolean
  readonly exitCodeFrom?: string
  readonly forceRecreate?: boolean
  readonly logPrefix: boolean
  readonly noAttach?: readonly string[]
  readonly pull?: 'always' | 'build' | 'missing' | 'never'
  readonly quietPull?: boolean
  readonly recreate: boolean
  readonly removeOrphans?: boolean
  readonly renewAnonVolumes?: boolean
  readonly scale?: Readonly<Record<string, number>>
  readonly start: boolean
  readonly timeout?: number
  readonly timestamps?: boolean
  readonly wait?: boolean
  readonly waitTimeout?: number
  readonly yes?: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description(
      'Creates what is missing, recreates what has changed and starts everything, dependencies first.\n' +
        'Without -d it then shows the output of the containers until they end; Ctrl-C stops them.',
    )
    .argument('[SERVICE...]', 'services to start, with what they depend on (default: all)')
    .option('--abort-on-container-exit', 'stop everything when any container ends')
    .option('--abort-on-container-failure', 'stop everything when any container ends with a non-zero code')
    .option('--always-recreate-deps', 'recreate dependencies too')
    .option('--attach <service>', 'show only the output of this service (may be repeated)', collect)
    .option('--attach-dependencies', 'show the output of dependencies too')
    .option('--build', 'build images first, also those that are there')
    .addOption(noOption('--no-build', 'build no image, even if it is missing'))
    .option('-d, --detach', 'leave the containers running in the background')
    .option('--exit-code-from <service>', 'end with the exit code of this service; implies --abort-on-container-exit')
    .option('--force-recreate', 'recreate containers even if nothing has changed')
    .addOption(noValueOption('--no-attach <service>', 'do not show the output of this service (may be repeated)'))
    .option('--no-color', 'no colours')
    .option('--no-deps', 'leave dependencies alone')
    .option('--no-log-prefix', 'no prefix before the lines of output')
    .option('--no-recreate', 'keep containers that exist, even if their configuration has changed')
    .option('--no-start', 'create, do not start')
    .addOption(new Option('--pull <policy>', 'when to pull images').choices(['always', 'missing', 'never', 'build']))
    .option('--quiet-build', 'no progress of builds')
    .option('--quiet-pull', 'no progress of the layers that are pulled')
    .option('--remove-orphans', 'remove containers of services that the file no longer has')
    .option('-V, --renew-anon-volumes', 'new anonymous volumes instead of those of the old containers')
    .option('--scale <SERVICE=NUM>', 'how many containers of a service; overrides the file (may be repeated)', scale)
    .option('-t, --timeout <seconds>', 'how long containers get to stop before they are killed', integer)
    .option('--timestamps', 'show when each line was written')
    .option(
      '--wait',
      'wait until the services run and are healthy; fails when one is unhealthy, has failed, or keeps restarting; implies -d',
    )
    .option('--wait-timeout <seconds>', 'give up waiting after this time', integer)
    .option('-y, --yes', 'answer every question with yes')
    .action((services: readonly string[], flags: UpFlags) => invoke((session) => run(session, services, flags)))
  addExamples(command, [
    ['up', 'everything, with its output, until Ctrl-C'],
    ['up -d --wait', 'in the background; return when all is ready'],
    ['up -d web', 'one service and what it depends on'],
    ['up -d --scale worker=3', 'three containers of a service'],
    ['up --exit-code-from tests', 'run a test suite and end with its code'],
    ['up --dry-run', 'what would be done, and why'],
  ])
}

async function run(session: Session, services: readonly string[], flags: UpFlags): Promise<number> {
  checkUpFlags(flags)
  const project = await session.project({ services, withoutDependencies: !flags.deps })
  const options = toUpOptions(services, flags, project, session.globals.dryRun)
  if (flags.exitCodeFrom !== undefined && !Object.hasOwn(project.services, flags.exitCodeFrom))
    throw new NotFoundError(`no such service: ${flags.exitCodeFrom}`, { code: 'NO_SUCH_SERVICE' })
  const detached = flags.detach === true || flags.wait === true || !flags.start || session.globals.dryRun
  if (!detached) {
    const { runAttached } = await import('../attached.ts')
    return await runAttached(session, project, toAttachOptions(options, flags), flags)
  }
  const { plan } = await session.use((context) => up(context, project, options))
  if (session.globals.dryRun) await session.print(formatPlan(plan))
  return 0
}

/** The combinations that docker compose refuses, too. @throws UsageError */
export function checkUpFlags(flags: UpFlags): void {
  const attachFlags = [
    [flags.abortOnContainerExit, '--abort-on-container-exit'],
    [flags.abortOnContainerFailure, '--abort-on-container-failure'],
    [flags.exitCodeFrom, '--exit-code-from'],
    [flags.attach, '--attach'],
    [flags.attachDependencies, '--attach-dependencies'],
  ] as const
  const given = attachFlags.filter(([value]) => value !== undefined).map(([, name]) => name)
  if (flags.detach === true) refuseTogether('--detach', given)
  if (flags.wait === true) refuseTogether('--wait', given)
  const renewing = [
    [flags.forceRecreate, '--force-recreate'],
    [flags.renewAnonVolumes, '--renew-anon-volumes'],
    [flags.alwaysRecreateDeps, '--always-recreate-deps'],
  ] as const
  if (!flags.recreate)
    refuseTogether(
      '--no-recreate',
      renewing.filter(([value]) => value === true).map(([, name]) => name),
    )
  if (flags.abortOnContainerExit === true && flags.abortOnContainerFailure === true)
    refuseTogether('--abort-on-container-exit', ['--abort-on-container-failure'])
  if (flags.attach !== undefined && flags.attachDependencies === true)
    refuseTogether('--attach', ['--attach-dependencies'])
  if (flags.build === true && flags.noBuild === true) refuseTogether('--build', ['--no-build'])
  if ((flags.waitTimeout ?? 0) < 0)
    throw new UsageError(`--wait-timeout must not be negative, not ${flags.waitTimeout}`)
}

function refuseTogether(option: string, others: readonly string[]): void {
  if (others.length === 0) return
  throw new UsageError(`${option} cannot be used together with ${others.join(', ')}`, {
    hint: 'leave one of them out; `mycompose up -h` explains each',
  })
}

export function toUpOptions(
  services: readonly string[],
  flags: Partial<UpFlags>,
  project: Project,
  dryRun: boolean,
): UpOptions {
  const variable = (name: string): boolean => /^(?:1|t|true|y|yes)$/i.test(project.environment[name] ?? '')
  const ignoreOrphans = variable('COMPOSE_IGNORE_ORPHANS')
  const removeOrphans = flags.removeOrphans ?? variable('COMPOSE_REMOVE_ORPHANS')
  if (ignoreOrphans && removeOrphans)
    throw new UsageError('cannot remove orphans (--remove-orphans) while COMPOSE_IGNORE_ORPHANS is set')
  return {
    services,
    forceRecreate: flags.forceRecreate === true || flags.renewAnonVolumes === true,
    noRecreate: flags.recreate === false,
    noDeps: flags.deps === false,
    noStart: flags.start === false,
    removeOrphans,
    ignoreOrphans,
    dryRun,
    ...present({
      alwaysRecreateDeps: flags.alwaysRecreateDeps,
      renewAnonymousVolumes: flags.renewAnonVolumes,
      scale: flags.scale,
      wait: flags.wait,
      waitTimeoutMs: flags.waitTimeout === undefined || flags.waitTimeout === 0 ? undefined : flags.waitTimeout * 1000,
      timeoutSeconds: flags.timeout,
      pull: flags.pull,
      quietPull: flags.quietPull,
      quietBuild: flags.quietBuild,
      build: buildWish(flags),
      assumeYes: flags.yes,
    }),
  }
}

/** Of --build and --no-build; undefined: what is missing. */
export function buildWish({ build, noBuild }: Pick<UpFlags, 'build' | 'noBuild'>): BuildWish {
  if (build === true) return 'always'
  return noBuild === true ? 'never' : undefined
}

function toAttachOptions(options: UpOptions, flags: UpFlags): AttachOptions {
  const { attach, noAttach, attachDependencies, abortOnContainerExit, abortOnContainerFailure } = flags
  const { exitCodeFrom, timestamps } = flags
  return {
    ...options,
    ...present({ attach, noAttach, attachDependencies, abortOnContainerExit, abortOnContainerFailure }),
    ...present({ exitCodeFrom, timestamps }),
  }
}
