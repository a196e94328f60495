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
import { deleteImage, deleteTag, tagsOf, type ImageRecord } from '../../state/images.ts'
import { findLayer } from '../../state/layers.ts'

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

async function deleteWhole(
  base: EngineBase,
  image: ImageRecord,
  tags: readonly string[],
  blobs: BlobKeeper,
): Promise<string[]> {
  const layerBlobs = image.chainIds.flatMap((chainId) => findLayer(base.state, chainId)?.blob?.digest ?? [])
  const freed = await freeLayers(base, image.chainIds, () => {
    for (const tag of tags) deleteTag(base.state, tag)
    deleteImage(base.state, image.id)
  })
  await blobs.free({ kind: 'these', digests: [...blobsOf(image), ...layerBlobs] })
  return [image.id, ...freed]
}

/** See ImageService.remove. `noPrune` has no meaning here: images have no untagged parents. */
export async function removeImage(
  base: EngineBase,
  text: string,
  force: boolean,
  { usersOf, isHeld, blobs }: RemoveContext,
): Promise<ImageDeleteResponse> {
  const found = findImageByText(base, text)
  const { image, tag } = found
  const tags = tagsOf(base.state, image.id)
  const users = usersOf({ imageId: image.id })
  check(found, tags, users, text, force)
  const removedTags = tag === undefined ? tags : [tag]
  const isLast = removedTags.length === tags.length
  const publish = (action: string, name: string): void =>
    base.events.publish({ Type: 'image', Action: action, Actor: { ID: image.id, Attributes: { name } } })
  const untagged = removedTags.map((name) => ({ Untagged: toFamiliar(name) }))
  if (!isLast || users.length > 0 || isHeld(image.id)) {
    base.state.transaction(() => {
      for (const name of removedTags) deleteTag(base.state, name)
    })
    for (const { Untagged } of untagged) publish('untag', Untagged)
    return untagged
  }
  const deleted = await deleteWhole(base, image, tags, blobs)
  for (const { Untagged } of untagged) publish('untag', Untagged)
  publish('delete', image.id)
  return [...untagged, ...deleted.map((id) => ({ Deleted: id }))]
}
