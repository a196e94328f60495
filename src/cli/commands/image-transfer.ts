/** `image pull` and `image push`: one image, by its name. The work is project/transfer.ts. */
import { Option, type Command } from 'commander'
import { parseReference, toCanonicalTag, toFamiliar } from '../../api/reference.ts'
import type { ProjectContext } from '../../project/context.ts'
import { explainPull, pullImage, pushImage, transferAll } from '../../project/transfer.ts'
import { addExamples } from '../help.ts'
import type { Invoke } from '../program.ts'
import { quietly, refuseDryRun, type Session } from '../session.ts'

interface PullFlags {
  readonly platform?: string
  readonly quiet?: boolean
}

interface PushFlags extends PullFlags {
  readonly allPlatforms?: boolean
}

export function defineTransfers(command: Command, invoke: Invoke): void {
  const pull = command
    .command('pull')
    .description('Pulls images from their registries.')
    .argument('<NAME...>', 'like debian:bookworm-slim, ghcr.io/team/web:1, NAME@sha256:...')
    .option('--platform <platform>', 'like linux/arm64 (default: $DOCKER_DEFAULT_PLATFORM, else that of this machine)')
    .option('-q, --quiet', 'no progress, only the names')
    .action((names: readonly string[], flags: PullFlags) => invoke((session) => pullAll(session, names, flags)))
  addExamples(pull, [
    ['image pull debian:bookworm-slim', 'from Docker Hub, or its mirror'],
    ['image pull localhost:5000/team/web:1', 'from a registry on this machine'],
  ])
  const push = command
    .command('push')
    .description('Pushes images to the registries that their names say.')
    .argument('<NAME...>', 'like registry.example:5000/team/web:1')
    .option('--platform <platform>', 'only the image for it (default: all platforms of the name that are here)')
    .addOption(new Option('--all-platforms', 'an error when a platform of the name is not here').conflicts('platform'))
    .option('-q, --quiet', 'no progress, only the names')
    .action((names: readonly string[], flags: PushFlags) => invoke((session) => pushAll(session, names, flags)))
  addExamples(push, [
    ['image tag web:1 registry.example:5000/web:1', 'first the name'],
    ['image push registry.example:5000/web:1', 'then the image'],
  ])
}

async function pullAll(session: Session, names: readonly string[], flags: PullFlags): Promise<void> {
  const platform = flags.platform ?? (session.io.env['DOCKER_DEFAULT_PLATFORM'] || undefined)
  await transferNames(session, 'image pull', names, flags, (context, reference) =>
    pullImage(context, { reference, platform }),
  )
}

async function pushAll(session: Session, names: readonly string[], flags: PushFlags): Promise<void> {
  const { platform, allPlatforms } = flags
  await transferNames(session, 'image push', names, flags, (context, reference) =>
    pushImage(context, { reference, platform, allPlatforms }),
  )
}

async function transferNames(
  session: Session,
  command: 'image pull' | 'image push',
  names: readonly string[],
  flags: PullFlags,
  work: (context: ProjectContext, reference: string) => Promise<void>,
): Promise<void> {
  refuseDryRun(session, command)
  const failures = await session.use((all) => {
    const context = quietly(all, flags.quiet)
    return transferAll(
      context,
      names.map((reference) => ({ reference })),
      ({ reference }) => work(context, reference),
    )
  })
  const done = names.filter((name) => !failures.has(name))
  await session.print(done.map((name) => `${fullName(name)}\n`).join(''))
  const [failed] = failures
  if (failed === undefined) return
  const [name, error] = failed
  throw command === 'image pull' ? explainPull(name, [], error) : error
}

/** What was pulled, as a container would name it. */
function fullName(name: string): string {
  const reference = parseReference(name)
  return reference.digest === undefined ? toFamiliar(toCanonicalTag(reference)) : name
}
