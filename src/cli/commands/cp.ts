/** `cp`: options; the containers are project/copy.ts, the files cli/copy-files.ts. Source: docker compose cp. */
import type { Command } from 'commander'
import { copyTargets, parseCopy } from '../../project/copy.ts'
import { containerResource } from '../../project/names.ts'
import { copyIn, copyOut, type CopyContext } from '../copy-files.ts'
import { addExamples } from '../help.ts'
import { write } from '../io.ts'
import { positiveInteger, present } from '../options.ts'
import type { Invoke } from '../program.ts'
import type { Session } from '../session.ts'

interface CpFlags {
  readonly all?: boolean
  readonly archive?: boolean
  readonly followLink?: boolean
  readonly index?: number
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description(
      'Copies a file or a folder between here and the containers of a service: to all of them, from the first.\n' +
        'Owners are kept by number on the way in; what comes out is yours. "-" is a tar on standard input or output.',
    )
    .usage('[OPTIONS] SERVICE:SOURCE TARGET|- | SOURCE|- SERVICE:TARGET')
    .argument('<SOURCE>', 'what to copy; FOLDER/. is its content')
    .argument('<TARGET>', 'a folder, or the new name')
    .option('--all', 'to containers made by `run`, too')
    .option('-a, --archive', 'in: give it to the user of the container; out: keep owners')
    .option('-L, --follow-link', 'copy what the link SOURCE leads to')
    .option('--index <n>', 'only this replica of the service', positiveInteger)
    .action((source: string, target: string, flags: CpFlags) =>
      invoke((session) => run(session, source, target, flags)),
    )
  addExamples(command, [
    ['cp app.conf web:/etc/app.conf', 'a file, under that name, to every container of the service'],
    ['cp web:/var/log/app ./logs', 'a folder from the first container'],
    ['cp ./dist/. web:/srv', 'the content of a folder'],
    ['cp db:/backup - | gzip > backup.tar.gz', 'as a tar'],
  ])
}

async function run(session: Session, source: string, target: string, flags: CpFlags): Promise<void> {
  const { io, globals, signal } = session
  const wish = parseCopy(source, target)
  const options = { archive: flags.archive === true, followLink: flags.followLink === true }
  const project = await session.target()
  await session.use(async (context) => {
    const containers = await copyTargets(context, project, wish, present({ index: flags.index, all: flags.all }))
    const work: CopyContext = { host: io.host, containers: context.client.containers, cwd: io.cwd, signal }
    // the tar of a stream can be read once: for several containers it is kept
    const input = wish.kind === 'to' && wish.source === '-' ? await readTar(session, containers.length) : undefined
    for (const { id, name } of containers) {
      const resource = containerResource(name)
      const isStream = wish.kind === 'from' && wish.target === '-'
      if (!isStream) context.sink.progress({ id: resource, status: 'working', text: 'Copying' })
      const place = { containerId: id, source: wish.source, target: wish.target }
      if (globals.dryRun) {
        // nothing is read or written
      } else if (wish.kind === 'to') await copyIn(work, place, options, input?.())
      else await copyOut(work, place, options, isStream ? (data) => write(io.stdout, data) : undefined)
      if (!isStream) context.sink.progress({ id: resource, status: 'done', text: 'Copied' })
    }
  })
}

async function readTar({ io }: Session, times: number): Promise<() => import('node:stream').Readable> {
  if (times === 1) return () => io.stdin
  const { Readable } = await import('node:stream')
  const { buffer } = await import('node:stream/consumers')
  const bytes = await buffer(io.stdin)
  return () => Readable.from([bytes], { objectMode: false })
}
