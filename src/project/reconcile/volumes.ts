/**
 * Named volumes: made when missing, kept when their configuration changed (their content would be lost) unless the
 * user said yes. Messages are those of docker compose. Pure.
 */
import type { Volume as ObservedVolume } from '../../api/types/index.ts'
import { volumeHash } from '../../compose/hash.ts'
import type { Volume } from '../../compose/model.ts'
import { NotFoundError } from '../../errors.ts'
import { LABEL } from '../labels.ts'
import { volumeResource } from '../names.ts'
import { toVolumeCreateRequest } from '../translate/volumes.ts'
import type { Selection, UpInput, UpState } from './input.ts'

/** Volumes whose configuration differs and that the user lets go. */
export function findReplacedVolumes(input: UpInput, selection: Selection): ReadonlySet<string> {
  if (input.options.assumeYes !== true) return new Set()
  const replaced = usedVolumes(input, selection).filter(([, volume]) => isChanged(input, volume))
  return new Set(replaced.map(([, volume]) => volume.name))
}

/** `released`: volume name -> removal of the containers that have it mounted. */
export function planVolumes(state: UpState, released: ReadonlyMap<string, readonly number[]>): void {
  const { input, selection, builder, volumeReady } = state
  for (const [key, volume] of usedVolumes(input, selection)) {
    const now = input.observed.volumes.get(volume.name)
    if (volume.external) {
      requireExternal(volume, now)
      continue
    }
    const request = toVolumeCreateRequest(input.project.name, key, volume, input.version)
    const resource = volumeResource(volume.name)
    if (now === undefined) {
      volumeReady.set(volume.name, builder.add({ kind: 'createVolume', request }, { resource, cause: 'not found' }))
    } else if (state.replacedVolumes.has(volume.name)) {
      const cause = 'configuration changed'
      const removed = builder.add(
        { kind: 'removeVolume', name: volume.name, ifUnused: false },
        { resource, cause, after: released.get(volume.name) ?? [] },
      )
      volumeReady.set(
        volume.name,
        builder.add({ kind: 'createVolume', request }, { resource, cause, after: [removed] }),
      )
    } else {
      warnAbout(state, volume, now)
    }
  }
}

function usedVolumes({ project }: UpInput, selection: Selection): readonly (readonly [string, Volume])[] {
  const used = new Set(
    selection.wanted.flatMap(({ service }) =>
      service.volumes.flatMap((volume) => (volume.type === 'volume' ? [volume.source] : [])),
    ),
  )
  return Object.entries(project.volumes).filter(([key]) => used.has(key))
}

function isChanged({ project, observed }: UpInput, volume: Volume): boolean {
  const labels = observed.volumes.get(volume.name)?.Labels ?? {}
  const hash = labels[LABEL.configHash]
  return !volume.external && labels[LABEL.project] === project.name && hash !== undefined && hash !== volumeHash(volume)
}

function requireExternal(volume: Volume, now: ObservedVolume | undefined): void {
  if (now !== undefined) return
  throw new NotFoundError(`external volume "${volume.name}" not found`, {
    code: 'EXTERNAL_VOLUME_NOT_FOUND',
    hint: 'create it first, or take "external: true" away',
  })
}

function warnAbout({ input, builder }: UpState, volume: Volume, now: ObservedVolume): void {
  const owner = now.Labels?.[LABEL.project]
  if (owner === undefined) {
    builder.warn(
      `volume "${volume.name}" already exists but was not created by Docker Compose; use "external: true" to use an existing volume`,
    )
  } else if (owner !== input.project.name) {
    builder.warn(
      `volume "${volume.name}" already exists but was created for project "${owner}" (expected "${input.project.name}"); use "external: true" to use an existing volume`,
    )
  } else if (isChanged(input, volume)) {
    builder.warn(
      `volume "${volume.name}" exists but doesn't match configuration in compose file; it is kept, -y recreates it (data will be lost)`,
    )
  }
}
