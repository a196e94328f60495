/** The create request of a named volume. Pure. */
import type { VolumeCreateRequest } from '../../api/types/index.ts'
import type { Volume } from '../../compose/model.ts'
import { volumeHash } from '../../compose/hash.ts'
import { resourceLabels } from '../labels.ts'
import { present } from './present.ts'

export function toVolumeCreateRequest(
  projectName: string,
  key: string,
  volume: Volume,
  version: string,
): VolumeCreateRequest {
  const { labels } = volume
  return present<VolumeCreateRequest>({
    Name: volume.name,
    Driver: volume.driver ?? 'local',
    DriverOpts: volume.driverOpts,
    Labels: resourceLabels('volume', projectName, key, { labels, hash: volumeHash(volume), version }),
  })
}
