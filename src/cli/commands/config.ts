/** `config`: loads the files as every command does and prints what came out. The engine is needed for digests only. */
import { posix } from 'node:path'
import { Option, type Command } from 'commander'
import type { Project, Service } from '../../compose/model.ts'
import { printImages, printProject } from '../../compose/print.ts'
import type { TemplateVariable } from '../../compose/template-variables.ts'
import { errnoOf, MycomposeError, NotFoundError } from '../../errors.ts'
import { addExamples } from '../help.ts'
import type { Invoke } from '../program.ts'
import type { Session } from '../session.ts'

interface ConfigFlags {
  readonly environment?: boolean
  readonly format: 'yaml' | 'json'
  readonly hash?: string
  readonly images?: boolean
  readonly lockImageDigests?: boolean
  readonly models?: boolean
  readonly networks?: boolean
  readonly consistency: boolean
  readonly envResolution: boolean
  readonly interpolate: boolean
  readonly normalize: boolean
  readonly pathResolution: boolean
  readonly output?: string
  readonly profiles?: boolean
  readonly quiet?: boolean
  readonly resolveImageDigests?: boolean
  readonly services?: boolean
  readonly variables?: boolean
  readonly volumes?: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command
    .alias('convert')
    .description('Checks the Compose files and prints the project in its canonical form.')
    .argument('[SERVICE...]', 'only these services, with what they depend on')
    .option('--environment', 'print the variables that the files can use')
    .addOption(new Option('--format <format>', 'output format').choices(['yaml', 'json']).default('yaml'))
    .option('--hash <services>', 'print the config hash of these services: a,b or "*" for all')
    .option('--images', 'print the images')
    .option('--lock-image-digests', 'print an override file that pins images to their digests')
    .option('--models', 'print the models')
    .option('--networks', 'print the networks')
    .option('--no-consistency', 'do not check that what is referred to exists')
    .option('--no-env-resolution', 'do not read the env files of services')
    .option('--no-interpolate', 'do not put in variables')
    .option('--no-normalize', 'do not fill in defaults')
    .option('--no-path-resolution', 'do not make paths absolute')
    .option('-o, --output <file>', 'write to this file instead of standard output')
    .option('--profiles', 'print the profiles')
    .option('-q, --quiet', 'only check, print nothing')
    .option('--resolve-image-digests', 'pin images to the digests they have at their registries')
    .option('--services', 'print the names of the services')
    .option('--variables', 'print the variables that the files use, with their defaults')
    .option('--volumes', 'print the volumes')
    .action((services: readonly string[], flags: ConfigFlags) => invoke((session) => run(session, services, flags)))
  addExamples(command, [
    ['config', 'the whole project, all defaults filled in'],
    ['config -q', 'only check; the exit code tells'],
    ['config --format json | jq .services.web.ports', 'for scripts'],
    ['config --services', 'one name a line'],
    ['config --lock-image-digests -o lock.yaml', 'then: -f compose.yaml -f lock.yaml up'],
  ])
}

async function run(session: Session, services: readonly string[], flags: ConfigFlags): Promise<void> {
  const { project: loaded, variables } = await session.load({
    services,
    allProfiles: flags.profiles === true || flags.variables === true,
    skip: {
      interpolation: !flags.interpolate || flags.variables === true,
      consistency: !flags.consistency,
      envResolution: !flags.envResolution,
      normalization: !flags.normalize,
      pathResolution: !flags.pathResolution,
      services: true,
      unsupported: true,
    },
  })
  const project = await withDigests(session, loaded, flags)
  if (flags.quiet === true) return
  const text = flags.variables === true ? await formatVariables(variables(), flags) : await formatConfig(project, flags)
  if (flags.output === undefined) await session.print(text)
  else await writeOutput(session, flags.output, text)
}

async function writeOutput({ io }: Session, output: string, text: string): Promise<void> {
  const path = posix.resolve(io.cwd, output)
  try {
    await io.host.files.writeAtomic(path, text)
  } catch (cause) {
    const errno = errnoOf(cause)
    if (errno === undefined) throw cause
    throw new MycomposeError(`cannot write ${path}: ${errno}`, { code: 'UNWRITABLE_FILE', cause })
  }
}

async function formatConfig(project: Project, flags: ConfigFlags): Promise<string> {
  const lines = (values: readonly string[]): string => values.map((value) => `${value}\n`).join('')
  const all = Object.values(project.services)
  if (flags.services === true) return lines(Object.keys(project.services))
  if (flags.volumes === true) return lines(Object.keys(project.volumes))
  if (flags.networks === true) return lines(Object.keys(project.networks))
  if (flags.models === true) return lines(Object.values(project.models).map(({ model }) => model))
  if (flags.images === true) return lines(all.map((service) => service.image ?? `${project.name}-${service.name}`))
  if (flags.profiles === true) return lines(profilesOf(project))
  if (flags.hash !== undefined) return lines(await hashesOf(project, flags.hash))
  if (flags.environment === true)
    return lines(
      Object.entries(project.environment)
        .map(([key, value]) => `${key}=${value}`)
        .toSorted(),
    )
  if (flags.lockImageDigests === true) return printImages(project, flags.format)
  return printProject(project, flags.format, { keepDollars: !flags.interpolate })
}

async function withDigests(session: Session, project: Project, flags: ConfigFlags): Promise<Project> {
  if (flags.resolveImageDigests !== true && flags.lockImageDigests !== true) return project
  const { pinImages } = await import('../../project/digests.ts')
  return await session.use((context) => pinImages(context, project))
}

/** A table, or with `--format json` an object by name, in the shape of docker compose. */
async function formatVariables(variables: readonly TemplateVariable[], { format }: ConfigFlags): Promise<string> {
  if (format === 'json') {
    const entries = variables.map(({ name, defaultValue, presenceValue, required }) => [
      name,
      { Name: name, DefaultValue: defaultValue, PresenceValue: presenceValue, Required: required },
    ])
    return `${JSON.stringify(Object.fromEntries(entries), undefined, 4)}\n`
  }
  const { formatTable } = await import('../output/table.ts')
  const rows = variables.map((variable) => [
    variable.name,
    String(variable.required),
    variable.defaultValue,
    variable.presenceValue,
  ])
  return formatTable(['NAME', 'REQUIRED', 'DEFAULT VALUE', 'ALTERNATE VALUE'], rows)
}

function profilesOf({ services, disabledServices }: Project): readonly string[] {
  const all = [...Object.values(services), ...Object.values(disabledServices)]
  return [...new Set(all.flatMap(({ profiles }) => profiles))].toSorted()
}

/** "web 3fa9…" a line. */
async function hashesOf(project: Project, selection: string): Promise<readonly string[]> {
  const { serviceHash } = await import('../../compose/hash.ts') // node:crypto takes 5 ms
  const names = selection === '*' ? Object.keys(project.services) : selection.split(',')
  return names.map((name) => {
    const service: Service | undefined = project.services[name]
    if (service === undefined) throw new NotFoundError(`no such service: ${name}`, { code: 'NO_SUCH_SERVICE' })
    return `${name} ${serviceHash(service)}`
  })
}
