/**
 * PURE: `platform` of a request against the image's. That of another platform is an error, unless the name has it as
 * well; a program of another machine would otherwise fail much later, with "exec format error".
 * Source: Engine API ContainerCreate ("platform"), containerd platforms: spellings; image-spec config.md.
 */
import { NotFoundError } from '../../errors.ts'

/** What uname and others call them -> what images call them. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: 'amd64', 'x86-64': 'amd64', aarch64: 'arm64' }

/** @throws NotFoundError, as docker's engine does, which makes clients pull. */
export function checkPlatform(
  wanted: string | undefined,
  image: { readonly reference: string; readonly os: string; readonly architecture: string },
): void {
  if (wanted === undefined || wanted === '') return
  const parts = wanted.toLowerCase().split('/')
  const [os, architecture] =
    parts.length > 1 ? parts : parts[0] === 'linux' ? ['linux', undefined] : ['linux', parts[0]]
  const fits =
    os === image.os &&
    (architecture === undefined || (ARCHITECTURES[architecture] ?? architecture) === image.architecture)
  if (fits) return
  const has = `${image.os}/${image.architecture}`
  throw new NotFoundError(`image ${image.reference} was found but is for ${has}, not for the platform ${wanted}`, {
    code: 'IMAGE_PLATFORM',
    hint: `leave out "platform", or set it to ${has}`,
  })
}
