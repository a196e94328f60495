/**
 * `image bootstrap debian:bookworm-slim --include nginx`: a base image from the distribution's packages, for machines
 * that reach no image registry. The base is an image of its own under the reference's name, made once; packages are a
 * layer over it, so that all images made this way share the base.
 */
import type { BootstrapRequest, ImageConfig, ProgressMessage } from '../../api/types/index.ts'
import type { EngineBase } from '../context.ts'
import { explainBootstrapFailure } from './bootstrap-errors.ts'
import { applyChanges, type ImageRuntimeConfig } from './changes.ts'
import { makeDebianLayer, type AptSetup } from './debian-base.ts'
import { makePackagesLayer } from './debian-packages.ts'
import {
  aptOptions,
  aptSources,
  isPackageName,
  parseDebianBase,
  releaseDateSeconds,
  type DebianBase,
} from './debian.ts'
import { ociArchitecture, toImageConfig } from './image-config.ts'
import { parseReference, toCanonicalTag, type Reference } from '../../api/reference.ts'
import { commitImage, readConfig } from './store.ts'
import { discardLayer, type StagedLayer } from '../layers/store.ts'
import { InvalidRequestError, ToolError, errnoOf } from '../../errors.ts'
import { findImage, type ImageRecord } from '../../state/images.ts'
import { findTag, saveTag } from '../../state/tags.ts'

export interface BootstrapContext {
  readonly base: EngineBase
  readonly progress: (message: ProgressMessage) => void
  readonly signal: AbortSignal
  /** Keeps the image from being deleted while `work` builds on it. */
  readonly holding: <T>(imageId: string, work: () => Promise<T>) => Promise<T>
}

const BASE_CONFIG: ImageRuntimeConfig = {
  Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
  Cmd: ['bash'],
}
const APT_LISTS = '/var/lib/apt/lists'

/** Empty when the machine has no apt: then Debian's own mirror serves. */
async function outputOf({ host }: EngineBase, argv: readonly string[]): Promise<string> {
  try {
    return (await host.exec.run(argv)).stdout
  } catch (error) {
    if (error instanceof ToolError) return ''
    throw error
  }
}

/** Release files of the suite that the machine's own apt has fetched. */
async function releaseFiles({ host }: EngineBase, codename: string): Promise<string[]> {
  const names = await host.files.readdir(APT_LISTS).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  })
  const wanted = new RegExp(`_dists_${codename}(?:-updates|-security)?_(?:InRelease|Release)$`)
  const texts = names
    .filter((name) => wanted.test(name))
    .map((name) => host.files.readTextIfExists(`${APT_LISTS}/${name}`))
  return (await Promise.all(texts)).filter((text) => text !== undefined)
}

async function readAptSetup(base: EngineBase, { codename }: DebianBase): Promise<AptSetup> {
  const targets = await outputOf(base, [
    'apt-get',
    'indextargets',
    '--format',
    '$(REPO_URI) $(RELEASE)',
    'Created-By: Packages',
  ])
  const dateSeconds = releaseDateSeconds(await releaseFiles(base, codename))
  return {
    sources: aptSources(codename, targets),
    options: aptOptions(await outputOf(base, ['apt-config', 'dump'])),
    dateSeconds: dateSeconds ?? Math.floor(base.host.clock.nowMs() / 1000),
  }
}

function toCreated(dateSeconds: number): string {
  return new Date(dateSeconds * 1000).toISOString()
}

async function commit(
  { base }: BootstrapContext,
  layer: StagedLayer | undefined,
  parents: readonly string[],
  config: ImageConfig,
  tag: Reference,
): Promise<string> {
  const staged = layer === undefined ? [] : [layer]
  const id = await commitImage(base, { parents, staged, config, tag })
  const name = toCanonicalTag(tag)
  base.events.publish({ Type: 'image', Action: 'import', Actor: { ID: id, Attributes: { name } } })
  return id
}

/** The base image under its own name, found or made. One maker at a time; the others then find it. */
async function ensureBase(context: BootstrapContext, reference: string, debian: DebianBase): Promise<ImageRecord> {
  const { base, progress } = context
  const tag = parseReference(reference)
  return base.locks.run(`bootstrap:${reference}`, async () => {
    const row = findTag(base.state, toCanonicalTag(tag))
    const known = row === undefined ? undefined : findImage(base.state, row.imageId)
    if (known !== undefined) {
      progress({ status: 'Already there', id: reference })
      return known
    }
    const setup = await readAptSetup(base, debian)
    progress({ status: `Making the base from ${setup.sources[0] ?? ''}`, id: reference })
    const layer = await makeDebianLayer(context, debian, setup).catch((error: unknown) => {
      throw explainBootstrapFailure(error, setup.sources[0] ?? '')
    })
    try {
      const created = toCreated(setup.dateSeconds)
      const config = toImageConfig({
        architecture: ociArchitecture(process.arch),
        created,
        config: BASE_CONFIG,
        diffIds: [layer.diffId],
        history: [{ created, created_by: `mycompose image bootstrap ${reference}` }],
      })
      const id = await commit(context, layer, [], config, tag)
      const image = findImage(base.state, id)
      if (image === undefined) throw new Error(`image ${id} was just committed and is not there`)
      return image
    } finally {
      await discardLayer(base, layer)
    }
  })
}

async function makeDerived(
  context: BootstrapContext,
  parent: ImageRecord,
  debian: DebianBase,
  { Reference: reference, Include = [], Changes = [] }: BootstrapRequest,
  tag: Reference,
): Promise<string> {
  const { base } = context
  const parentConfig = await readConfig(base, parent.id)
  const config = applyChanges(parentConfig.config ?? {}, Changes)
  const setup = await readAptSetup(base, debian)
  const layer =
    Include.length === 0
      ? undefined
      : await makePackagesLayer(context, parent.chainIds, Include, setup).catch((error: unknown) => {
          throw explainBootstrapFailure(error, setup.sources[0] ?? '')
        })
  try {
    const created = toCreated(setup.dateSeconds)
    const words = [
      'mycompose image bootstrap',
      reference,
      ...(Include.length > 0 ? ['--include', Include.join(',')] : []),
    ]
    const image = toImageConfig({
      architecture: parentConfig.architecture,
      created,
      config,
      diffIds: [...parentConfig.rootfs.diff_ids, ...(layer === undefined ? [] : [layer.diffId])],
      history: [
        ...(parentConfig.history ?? []),
        {
          created,
          created_by: [...words, ...Changes].join(' '),
          ...(layer === undefined ? { empty_layer: true } : {}),
        },
      ],
    })
    return await commit(context, layer, parent.chainIds, image, tag)
  } finally {
    if (layer !== undefined) await discardLayer(base, layer)
  }
}

/** All that can be wrong with a request, before anything is downloaded. */
function checkRequest({ Include = [], Changes = [] }: BootstrapRequest): void {
  applyChanges(BASE_CONFIG, Changes)
  const wrong = Include.find((name) => !isPackageName(name))
  if (wrong !== undefined)
    throw new InvalidRequestError(`${JSON.stringify(wrong)} is no package name`, { code: 'PACKAGE_NAME' })
}

/** "debian:bookworm-slim" with curl and jq is "debian:bookworm-slim-curl-jq". A tag may not hold a "+". */
export function defaultName(reference: string, include: readonly string[]): string {
  return [reference, ...include.toSorted()].join('-').replaceAll('+', '_')
}

/** Returns the id of the image. Throws BOOTSTRAP_UNKNOWN, PACKAGE_NOT_FOUND, MIRROR_UNREACHABLE, CanceledError, ... */
export async function bootstrapImage(context: BootstrapContext, request: BootstrapRequest): Promise<string> {
  const { Reference: reference, Tag, Include = [], Changes = [] } = request
  const debian = parseDebianBase(reference)
  checkRequest(request)
  const tag = parseReference(Tag ?? defaultName(reference, Include))
  const isOther = toCanonicalTag(tag) !== toCanonicalTag(parseReference(reference))
  const changesContent = Include.length > 0 || Changes.length > 0
  if (changesContent && !isOther)
    throw new InvalidRequestError(
      `an image with packages or changes needs a name of its own, "${reference}" is the base`,
      {
        code: 'BOOTSTRAP_TAG',
        hint: 'add --tag NAME',
      },
    )
  const parent = await ensureBase(context, reference, debian)
  if (changesContent) return context.holding(parent.id, () => makeDerived(context, parent, debian, request, tag))
  if (isOther) saveTag(context.base.state, { reference: toCanonicalTag(tag), imageId: parent.id })
  return parent.id
}
