/** `config`: loads the files as every command does and prints what came out. The engine is not needed. */
import { Option, type Command } from 'commander'
import type { Project, Service } from '../../compose/model.ts'
import { printProject } from '../../compose/print.ts'
import { NotFoundError } from '../../errors.ts'
import { addExamples } from '../help.ts'
import type { Invoke } from '../program.ts'
import type { Session } from '../session.ts'

interface ConfigFlags {
  readonly environment?: boolean
  readonly format: 'yaml' | 'json'
  readonly hash?: string
  readonly images?: boolean
  readonly networks?: boolean
  readonly consistency: boolean
  readonly envResolution: boolean
  readonly interpolate: boolean
  readonly normalize: boolean
  readonly pathResolution: boolean
  readonly output?: string
  readonly profiles?: boolean
  readonly quiet?: boolean
  readonly services?: boolean
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
    .option('--networks', 'print the networks')
    .option('--no-consistency', 'do not check that what is referred to exists')
    .option('--no-env-resolution', 'do not read the env files of services')
    .option('--no-interpolate', 'do not put in variables')
    .option('--no-normalize', 'do not fill in defaults')
    .option('--no-path-resolution', 'do not make paths absolute')
    .option('-o, --output <file>', 'write to this file instead of standard output')
    .option('--profiles', 'print the profiles')
    .option('-q, --quiet', 'only check, print nothing')
    .option('--services', 'print the names of the services')
    .option('--volumes', 'print the volumes')
    .action((services: readonly string[], flags: ConfigFlags) => invoke((session) => run(session, services, flags)))
  addExamples(command, [
    ['config', 'the whole project, all defaults filled in'],
    ['config -q', 'only check; the exit code tells'],
    ['config --format json | jq .services.web.ports', 'for scripts'],
    ['config --services', 'one name a line'],
  ])
}

async function run(session: Session, services: readonly string[], flags: ConfigFlags): Promise<void> {
  const { project } = await session.load({
    services,
    allProfiles: flags.profiles === true,
    skip: {
      interpolation: !flags.interpolate,
      consistency: !flags.consistency,
      envResolution: !flags.envResolution,
      normalization: !flags.normalize,
      pathResolution: !flags.pathResolution,
      services: true,
      unsupported: true,
    },
  })
  if (flags.quiet === true) return
  const text = await formatConfig(project, flags)
  if (flags.output === undefined) await session.print(text)
  else await session.io.host.files.writeAtomic(flags.output, text)
}

async function formatConfig(project: Project, flags: ConfigFlags): Promise<string> {
  const lines = (values: readonly string[]): string => values.map((value) => `${value}\n`).join('')
  const all = Object.values(project.services)
  if (flags.services === true) return lines(Object.keys(project.services))
  if (flags.volumes === true) return lines(Object.keys(project.volumes))
  if (flags.networks === true) return lines(Object.keys(project.networks))
  if (flags.images === true) return lines(all.map((service) => service.image ?? `${project.name}-${service.name}`))
  if (flags.profiles === true) return lines(profilesOf(project))
  if (flags.hash !== undefined) return lines(await hashesOf(project, flags.hash))
  if (flags.environment === true)
    return lines(
      Object.entries(project.environment)
        .map(([key, value]) => `${key}=${value}`)
        .toSorted(),
    )
  return printProject(project, flags.format, { keepDollars: !flags.interpolate })
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
