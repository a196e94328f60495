/** Doctor: how layers are put together, and what is asked for and not possible. Source: layers/driver.ts. */
import type { DoctorCheck } from './doctor.ts'
import { whyNoOverlay } from './layers/driver.ts'

export const checkStorage: DoctorCheck = async ({ host, config, storageDriver }) => {
  const refusal = await whyNoOverlay(host, config.paths.temporary)
  const check = 'storage'
  if (storageDriver === 'overlay' || (storageDriver === undefined && refusal === undefined))
    return refusal === undefined
      ? [{ check, status: 'ok', message: 'overlay mounts' }]
      : [
          {
            check,
            status: 'failed',
            message: `overlay mounts are refused: ${refusal.message}`,
            ...(refusal.hint === undefined ? {} : { fix: refusal.hint }),
          },
        ]
  const cost = 'every container is a copy of its image (vfs): slower, and more room is taken'
  return [
    refusal === undefined
      ? {
          check,
          status: 'warning',
          message: `${cost}; overlay mounts would work here`,
          fix: 'begin another root: mycompose --root DIR ...',
        }
      : {
          check,
          status: 'warning',
          message: `${cost}, as overlay mounts are refused: ${refusal.message}`,
          fix: 'put the root on ext4, xfs or btrfs: mycompose --root DIR ...',
        },
  ]
}
