/**
 * Removing images, with docker's rules: a name among several is only taken off; the last one takes the image with it,
 * unless a container needs it. Source: Docker Engine API v1.51, ImageDelete.
 */
import type { ImageDeleteResponse } from '../../api/types/index.ts'
import type { EngineBase } from '../context.ts'
import type { ContainerService } from '../services/index.ts'
import { familiarRepository, toFamiliar } from '../../api/reference.ts'
import { blobsOf, type BlobKeeper } from './blob-keeper.ts'
import { findImageByText, type FoundImage } from './store.ts'
import { freeLayers } from '../layers/store.ts'
import { ConflictError } from '../../errors.ts'
import { deleteImage, findImage, type ImageRecord } from '../../state/images.ts'
import { findLayer } from '../../state/layers.ts'
import { otherPlatformsOf, tagsAsPlatform, tagsOf, untag } from '../../state/tags.ts'

type User = ReturnType<ContainerService['usersOf']>[number]

export interface RemoveContext {
  readonly usersOf: ContainerService['usersOf']
  /** True while a bootstrap builds on it. */
  readonly isHeld: (imageId: string) => boolean
  readonly blobs: BlobKeeper
}

const short = (id: string): string => id.replace('sha256:', '').slice(0, 12)

function conflict(message: string, users: readonly User[]): ConflictError {
  const names = users.map((user) => user.name).join(' ')
  return new ConflictError(`conflict: ${message}`, {
    code: 'IMAGE_IN_USE',
    hint:
      names === ''
        ? 'use --force, or remove its names one by one'
        : `remove first what uses it (mycompose down): ${names}`,
  })
}

/** What forbids it, before anything is changed. */
function check(found: FoundImage, tags: readonly string[], users: readonly User[], text: string, force: boolean): void {
  const id = short(found.image.id)
  const [user] = users
  if (found.tag === undefined) {
    const repositories = new Set(tags.map((tag) => familiarRepository(tag)))
    if (repositories.size > 1 && !force)
      throw conflict(`unable to delete ${id} (must be forced) - image is referenced in multiple repositories`, [])
    const running = users.find((candidate) => candidate.running)
    if (running !== undefined)
      throw conflict(
        `unable to delete ${id} (cannot be forced) - image is being used by running container ${short(running.id)}`,
        users,
      )
    if (user !== undefined && !force)
      throw conflict(
        `unable to delete ${id} (must be forced) - image is being used by stopped container ${short(user.id)}`,
        users,
      )
  } else if (tags.length === 1 && user !== undefined && !force)
    throw conflict(
      `unable to remove repository reference "${text}" (must force) - container ${short(user.id)} is using its referenced image ${id}`,
      users,
    )
}

/** An image that loses names, and what else is known of it. */
interface Target {
  readonly image: ImageRecord
  /** Names that it loses. */
  readonly removed: readonly string[]
  /** All that it has. */
  readonly names: readonly string[]
  readonly users: readonly User[]
}

function targetsOf({ state }: EngineBase, found: FoundImage, usersOf: RemoveContext['usersOf']): Target[] {
  const { tag } = found
  const others = tag === undefined ? [] : otherPlatformsOf(state, tag).flatMap((id) => findImage(state, id) ?? [])
  return [found.image, ...others].map((image) => {
    const names = [...tagsOf(state, image.id), ...tagsAsPlatform(state, image.id)]
    return { image, names, removed: tag === undefined ? names : [tag], users: usersOf({ imageId: image.id }) }
  })
}

function takeNames({ state }: EngineBase, { image, removed }: Target): void {
  for (const name of removed) untag(state, name, image.id)
}

async function deleteWhole(base: EngineBase, target: Target, blobs: BlobKeeper): Promise<string[]> {
  const { image } = target
  const layerBlobs = image.chainIds.flatMap((chainId) => findLayer(base.state, chainId)?.blob?.digest ?? [])
  const freed = await freeLayers(base, image.chainIds, () => {
    takeNames(base, target)
    deleteImage(base.state, image.id)
  })
  await blobs.free({ kind: 'these', digests: [...blobsOf(image), ...layerBlobs] })
  return [image.id, ...freed]
}

/**
 * See ImageService.remove. A name goes with the images that it has for other platforms; by its id one of those goes alone.
 * `noPrune` has no meaning here: images have no untagged parents.
 */
export async function removeImage(
  base: EngineBase,
  text: string,
  force: boolean,
  { usersOf, isHeld, blobs }: RemoveContext,
): Promise<ImageDeleteResponse> {
  const found = findImageByText(base, text)
  const targets = targetsOf(base, found, usersOf)
  for (const { image, names, users } of targets) check({ image, tag: found.tag }, names, users, text, force)
  const deleted: string[] = []
  // first those of other platforms: the name is theirs as long as it means an image
  for (const target of targets.toReversed()) {
    const { image, removed, names, users } = target
    if (removed.length < names.length || users.length > 0 || isHeld(image.id))
      base.state.transaction(() => takeNames(base, target))
    else deleted.push(...(await deleteWhole(base, target, blobs)))
  }
  const publish = (action: string, id: string, name: string): void =>
    base.events.publish({ Type: 'image', Action: action, Actor: { ID: id, Attributes: { name } } })
  const untagged = [...new Set(targets.flatMap(({ removed }) => removed))].map((name) => ({
    Untagged: toFamiliar(name),
  }))
  for (const { Untagged } of untagged) publish('untag', found.image.id, Untagged)
  for (const { image } of targets) if (deleted.includes(image.id)) publish('delete', image.id, image.id)
  return [...untagged, ...deleted.map((id) => ({ Deleted: id }))]
}
