/**
 * The files of ours for `cp`: packed and unpacked by tar(1), which knows owners, links and times and refuses names that
 * lead out of the folder. What a target means (into a folder, or under a new name) is docker cp's rule.
 * Source: docker cp reference; GNU tar manual, "Modifying File and Member Names".
 */
import { basename, dirname, join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ContainersApi, PathStat } from '../api/client/client.ts'
import { errnoOf, MycomposeError, NotFoundError, ToolError } from '../errors.ts'
import type { CliHost } from '../host/cli-host.ts'

export interface CopyContext {
  readonly host: CliHost
  readonly containers: ContainersApi
  readonly cwd: string
  readonly signal: AbortSignal
}

export interface CopyOptions {
  /**
   * As docker does it (moby issue 45793), not as its reference says: into a container it gives all to the container's
   * user, where one is configured, and without it numbers are kept. Out of one it keeps numbers, else all is ours.
   */
  readonly archive: boolean
  readonly followLink: boolean
}

interface Place {
  readonly containerId: string
  readonly source: string
  readonly target: string
}

const fail = (message: string, hint?: string): MycomposeError =>
  new MycomposeError(message, { code: 'COPY_FAILED', ...(hint === undefined ? {} : { hint }) })

const meansContent = (path: string): boolean => path === '.' || path.endsWith('/.')

/** `stream`: a tar from standard input, unpacked at `target`; absent: the file or folder `source`. */
export async function copyIn(
  context: CopyContext,
  place: Place,
  options: CopyOptions,
  stream?: Readable,
): Promise<void> {
  const { containers, signal } = context
  const { containerId, target } = place
  const settings = { abort: signal, toUser: options.archive }
  if (stream !== undefined) return await containers.putArchive(containerId, target, stream, settings)
  const source = await localSource(context, place.source, options)
  const { folder, name } = await placeInside(context, place, source)
  const path = source.isFolder ? source.path : dirname(source.path)
  // "." stands for the content; a file's one name is replaced whatever it is
  const rename =
    name === '.' ? [] : ['--transform', `flags=rhS;s,${source.isFolder ? '^\\.' : '.*'},${escapeName(name)},`]
  const member = source.isFolder ? '.' : `./${basename(source.path)}`
  const argv = ['tar', '-C', path, '--numeric-owner', ...rename, '-cf', '-', '--', member]
  await withTar(context, argv, async ({ stdout }) => {
    if (stdout !== null) await containers.putArchive(containerId, folder, stdout, settings)
  })
}

interface LocalSource {
  readonly path: string
  readonly isFolder: boolean
}

async function localSource({ host, cwd }: CopyContext, source: string, options: CopyOptions): Promise<LocalSource> {
  const absolute = resolve(cwd, source)
  try {
    const follows = options.followLink || source.endsWith('/') || meansContent(source)
    const path = follows ? await host.files.realpath(absolute) : absolute
    return { path, isFolder: (await host.files.lstat(path)).isDirectory() }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw new NotFoundError(`no such file or folder: ${absolute}`)
    throw error
  }
}

/** Folder and name in the container; the name "." is the folder itself. */
async function placeInside(
  { containers, cwd }: CopyContext,
  { containerId, source, target }: Place,
  { isFolder }: LocalSource,
): Promise<{ readonly folder: string; readonly name: string }> {
  const { path, stat } = await followedStat(containers, containerId, target)
  const ownName = basename(resolve(cwd, source))
  if (stat?.isFolder === true) return { folder: path, name: isFolder && meansContent(source) ? '.' : ownName }
  if (stat !== undefined && isFolder) throw fail(`cannot copy a folder over the file ${target}`)
  if (stat === undefined && !isFolder && target.endsWith('/'))
    throw fail(`there is no folder ${target} in the container`, 'make it with: mycompose exec SERVICE mkdir -p FOLDER')
  return { folder: dirname(path), name: basename(path) }
}

/** What a path in the container is, through a last link. */
async function followedStat(
  containers: ContainersApi,
  id: string,
  path: string,
): Promise<{ readonly path: string; readonly stat: PathStat | undefined }> {
  const stat = await containers.statPath(id, path)
  if (stat === undefined || stat.linkTarget === '') return { path, stat }
  const target = resolve(dirname(path), stat.linkTarget)
  return { path: target, stat: await containers.statPath(id, target) }
}

/** `stream`: takes the tar as it comes; absent: it is unpacked at `target`. */
export async function copyOut(
  context: CopyContext,
  place: Place,
  options: CopyOptions,
  write?: (data: Buffer) => Promise<void>,
): Promise<void> {
  const { containers, host, signal, cwd } = context
  const { containerId, target } = place
  const source = options.followLink ? (await followedStat(containers, containerId, place.source)).path : place.source
  const tar = await containers.getArchive(containerId, source, signal)
  if (write !== undefined) {
    for await (const data of tar) await write(data)
    return
  }
  const absolute = resolve(cwd, target)
  const existing = await host.files.stat(absolute).catch(absent)
  if (existing?.isDirectory() === true) return await unpack(context, tar, absolute, options)
  if (existing === undefined && !(await isFolder(host, dirname(absolute))))
    throw new NotFoundError(`there is no folder ${dirname(absolute)}`)
  await unpackAs(
    context,
    tar,
    { absolute, isContent: meansContent(source), mustBeFolder: target.endsWith('/') },
    options,
  )
}

const absent = (error: unknown): undefined => {
  if (errnoOf(error) !== 'ENOENT') throw error
}

async function isFolder({ files }: CliHost, path: string): Promise<boolean> {
  return (await files.stat(path).catch(absent))?.isDirectory() === true
}

/** Under a new name: unpacked beside it first, so that nothing half-made ever stands there. */
async function unpackAs(
  context: CopyContext,
  tar: AsyncIterable<Buffer>,
  {
    absolute,
    isContent,
    mustBeFolder,
  }: { readonly absolute: string; readonly isContent: boolean; readonly mustBeFolder: boolean },
  options: CopyOptions,
): Promise<void> {
  const { files } = context.host
  const work = await files.mkdtemp(join(dirname(absolute), '.mycompose-cp-'))
  try {
    await unpack(context, tar, work, options)
    const [name] = await files.readdir(work)
    const made = isContent ? work : join(work, name ?? '')
    const isMadeFolder = (await files.lstat(made)).isDirectory()
    if (mustBeFolder && !isMadeFolder) throw new NotFoundError(`there is no folder ${absolute}`)
    const isTaken = (await files.lstat(absolute).catch(absent)) !== undefined
    if (isMadeFolder && isTaken) throw fail(`cannot copy a folder over the file ${absolute}`)
    if (isContent) await files.chmod(work, 0o755)
    await files.rename(made, absolute)
  } finally {
    await files.rm(work, { recursive: true, force: true })
  }
}

async function unpack(
  context: CopyContext,
  tar: AsyncIterable<Buffer>,
  folder: string,
  options: CopyOptions,
): Promise<void> {
  const owner = options.archive ? ['--same-owner', '--numeric-owner'] : ['--no-same-owner']
  await withTar(context, ['tar', '-C', folder, ...owner, '-p', '-xf', '-'], async ({ stdin }) => {
    if (stdin !== null) await pipeline(Readable.from(tar, { objectMode: false }), stdin)
  })
}

/** Runs tar beside `work`; its own words come first when both fail. */
async function withTar(
  { host, signal }: CopyContext,
  argv: readonly string[],
  work: (tar: { readonly stdin: NodeJS.WritableStream | null; readonly stdout: Readable | null }) => Promise<void>,
): Promise<void> {
  const exec = await host.exec()
  const child = exec.spawn(argv, { stdio: ['pipe', 'pipe', 'pipe'] })
  const kill = (): void => child.kill('SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  let stderr = ''
  child.stderr?.on('data', (data: Buffer) => {
    stderr = `${stderr}${data.toString()}`.slice(-1000)
  })
  if (argv.includes('-xf')) child.stdout?.resume()
  else child.stdin?.end()
  try {
    const failure = await work(child).then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    if (failure !== undefined) kill()
    const { exitCode } = await child.exited
    signal.throwIfAborted()
    if (exitCode !== null && exitCode !== 0)
      throw new ToolError(`tar failed: ${stderr.trim()}`, { argv, toolExitCode: exitCode, stderrTail: stderr })
    if (failure !== undefined) throw failure.error
  } finally {
    signal.removeEventListener('abort', kill)
  }
}

/** For the right side of tar's s,,, */
function escapeName(name: string): string {
  if (name.includes('\n'))
    throw fail(`a file name with a line break cannot be given to a copy: ${JSON.stringify(name)}`)
  return name.replaceAll(/[\\&,]/g, String.raw`\$&`)
}
