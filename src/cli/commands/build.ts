/** `build`: the images of services from their Dockerfiles; the work is project/build/. Source: docker compose build. */
import { Option, type Command } from 'commander'
import type { Project } from '../../compose/model.ts'
import { formatBakeFile } from '../../project/build/bake.ts'
import { buildServices, type BuildFinding } from '../../project/build/build.ts'
import { readDockerfiles } from '../../project/build/inputs.ts'
import type { BuildOverrides } from '../../project/build/options.ts'
import { planBuilds } from '../../project/build/plan.ts'
import { isBuildable } from '../../project/build/request.ts'
import { push } from '../../project/pull.ts'
import { UnsupportedError, UsageError } from '../../errors.ts'
import { parseBytes } from '../../units.ts'
import { addExamples } from '../help.ts'
import { acceptBooleanValues, collect, present } from '../options.ts'
import type { Invoke } from '../program.ts'
import { quietly, type Session } from '../session.ts'

interface BuildFlags {
  readonly buildArg?: readonly string[]
  readonly builder?: string
  readonly cache: boolean
  readonly check?: boolean
  readonly memory?: string
  readonly print?: boolean
  readonly progress?: string
  readonly provenance?: string | true
  readonly pull?: boolean
  readonly push?: boolean
  readonly quiet?: boolean
  readonly sbom?: string | true
  readonly ssh?: readonly string[]
  readonly withDependencies?: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description(
      'Builds the images of services from their Dockerfiles. What has not changed comes from the cache.\n' +
        'An image is called as `image` says, else PROJECT-SERVICE.',
    )
    .argument('[SERVICE...]', 'only these services, and what their images stand on')
    .option('--build-arg <K=V>', 'a build argument; K alone passes on our variable (may be repeated)', collect)
    .option('--builder <name>', 'there is one builder: "default"')
    .option('--check', 'check the Dockerfiles and build nothing; ends with 1 if there are findings')
    .option('-m, --memory <bytes>', 'memory that each step may use')
    .option('--no-cache', 'do every step anew')
    .option('--print', 'print what would be built, as a file for `docker buildx bake`')
    .option('--provenance [value]', 'only "false": no attestations are made')
    .option('--pull', 'ask the registries for newer base images')
    .option('--push', 'push the images that have an `image` name')
    .option('-q, --quiet', 'no progress')
    .option('--sbom [value]', 'only "false": no attestations are made')
    .option(
      '--ssh <ID[=PATH]>',
      'pass on an ssh agent or a key; "default" is $SSH_AUTH_SOCK (may be repeated)',
      collect,
    )
    .option('--with-dependencies', 'also what the named services depend on')
    .addOption(new Option('--compress', 'does nothing').hideHelp())
    .addOption(new Option('--force-rm', 'does nothing').hideHelp())
    .addOption(new Option('--no-rm', 'does nothing').hideHelp())
    .addOption(new Option('--parallel', 'does nothing').hideHelp())
    .addOption(new Option('--progress <kind>', 'as the global option').hideHelp())
    .action((services: readonly string[], flags: BuildFlags) => invoke((session) => run(session, services, flags)))
  acceptBooleanValues(command)
  addExamples(command, [
    ['build', 'every service that has `build`'],
    ['build --pull web', 'one, on the newest base image'],
    ['build --build-arg VERSION=1.2 --build-arg TOKEN', 'with arguments'],
    ['build --check', 'look for mistakes in Dockerfiles'],
    ['--progress plain build', 'all output, line by line'],
  ])
}

async function run(session: Session, names: readonly string[], flags: BuildFlags): Promise<number> {
  checkBuildFlags(flags)
  const project = await session.project({
    services: names,
    withoutDependencies: flags.withDependencies !== true,
    allResources: true,
  })
  const services = Object.values(project.services)
  const overrides = toOverrides(flags)
  if (flags.print === true) return await printBakeFile(session, project, overrides)
  if (!services.some(isBuildable)) {
    await session.tell('No services to build\n')
    return 0
  }
  const { findings } = await session.use(async (context) => {
    const { openBuildView, ...unseen } = quietly(context, flags.quiet)
    const shown = flags.quiet === true || openBuildView === undefined ? unseen : { ...unseen, openBuildView }
    const outcome = await buildServices(shown, project, services, overrides)
    if (flags.push === true && flags.check !== true) await push(shown, services, {})
    return outcome
  })
  return flags.check === true ? await tellFindings(session, findings) : 0
}

/** What there is no second builder for says so. @throws UnsupportedError, UsageError */
function checkBuildFlags({ builder, provenance, sbom, push: wantsPush, check, print }: BuildFlags): void {
  if (builder !== undefined && builder !== '' && builder !== 'default')
    throw new UnsupportedError(`there is no builder "${builder}": the engine builds itself`, {
      hint: 'leave out --builder',
    })
  for (const [name, value] of Object.entries({ provenance, sbom }))
    if (value !== undefined && value !== 'false')
      throw new UnsupportedError(`cannot make attestations (--${name})`, { hint: `leave out --${name}` })
  if (wantsPush === true && (check === true || print === true))
    throw new UsageError(`--push cannot be used together with ${check === true ? '--check' : '--print'}`)
}

function toOverrides(flags: BuildFlags): BuildOverrides {
  return present({
    args: flags.buildArg === undefined ? undefined : toArgs(flags.buildArg),
    noCache: flags.cache ? undefined : true,
    pull: flags.pull,
    memoryBytes: flags.memory === undefined ? undefined : memory(flags.memory),
    ssh: flags.ssh === undefined ? undefined : toAgents(flags.ssh),
    check: flags.check,
  })
}

function toArgs(texts: readonly string[]): Readonly<Record<string, string | null>> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf('=')
      return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)]
    }),
  )
}

/** "default", "id=/path/to/socket" */
function toAgents(texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf('=')
      return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
    }),
  )
}

function memory(text: string): number {
  const bytes = parseBytes(text)
  if (bytes === undefined || bytes <= 0)
    throw new UsageError(`invalid --memory "${text}"`, { hint: 'write it as 512m or 2g' })
  return bytes
}

async function printBakeFile(session: Session, project: Project, overrides: BuildOverrides): Promise<number> {
  const dockerfiles = await readDockerfiles({ readFile: (path) => session.io.host.files.readFile(path) }, project)
  const plan = planBuilds(project, Object.values(project.services), overrides, dockerfiles)
  await session.print(formatBakeFile(project, plan))
  return 0
}

async function tellFindings(session: Session, findings: readonly BuildFinding[]): Promise<number> {
  if (session.globals.progress === 'json')
    await session.print(findings.map((finding) => `${JSON.stringify(finding)}\n`).join(''))
  else {
    const { formatFindings } = await import('../output/build/warnings.ts')
    await session.print(formatFindings(findings, await session.style('stdout')))
    const count = findings.length
    const sum = count === 1 ? '1 warning has been found!' : `${count} warnings have been found!`
    await session.print(`Check complete, ${count === 0 ? 'no warnings found.' : sum}\n`)
  }
  return findings.length === 0 ? 0 : 1
}
