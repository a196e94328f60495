/**
 * What a volume may be called and made of. PURE. The local driver's options are those of mount(8): of them a bind of a
 * host folder (type=none, o=bind, device=PATH) is honoured. Source: Docker Engine API v1.51, VolumeCreate.
 */
import { isAbsolute, normalize } from 'node:path'
import type { VolumeCreateRequest } from '../../api/types/index.ts'
import { InvalidRequestError, UnsupportedError } from '../../errors.ts'

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}$/

/** @throws InvalidRequestError with docker's text. */
export function checkVolumeName(name: string): void {
  if (NAME.test(name)) return
  throw new InvalidRequestError(
    `${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
    { code: 'VOLUME_NAME', hint: 'if you meant a host folder, write it as an absolute path or begin it with ./' },
  )
}

/** The host folder that the volume stands for, or undefined for a folder of our own. @throws UnsupportedError */
export function boundFolder(request: Pick<VolumeCreateRequest, 'Driver' | 'DriverOpts'>): string | undefined {
  const driver = request.Driver ?? ''
  if (driver !== '' && driver !== 'local')
    throw new UnsupportedError(`the volume driver ${JSON.stringify(driver)} is not available`, {
      code: 'VOLUME_DRIVER',
      hint: 'this engine has the driver "local" only',
    })
  const options = Object.entries(request.DriverOpts ?? {})
  if (options.length === 0) return undefined
  const { type = 'none', o = '', device = '', ...others } = Object.fromEntries(options)
  const isBind = (type === 'none' || type === 'bind') && o.split(',').includes('bind')
  if (!isBind || Object.keys(others).length > 0)
    throw new UnsupportedError(
      `volume options ${options.map(([key, value]) => `${key}=${value}`).join(' ')} are not supported`,
      { code: 'VOLUME_OPTIONS', hint: 'supported is a bind of a host folder: type=none, o=bind, device=/PATH' },
    )
  if (!isAbsolute(device)) throw new InvalidRequestError(`volume option device=${device} must be an absolute path`)
  return normalize(device)
}
