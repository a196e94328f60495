/** Digests and chain ids: what a stack of layers is called. PURE. Source: OCI image-spec config.md "Layer ChainID". */
import { createHash, type Hash } from 'node:crypto'

export function sha256(): Hash {
  return createHash('sha256')
}

/** "sha256:<hex>" of what `hash` has seen. */
export function toDigest(hash: Hash): string {
  return `sha256:${hash.digest('hex')}`
}

export function digestOf(bytes: string | Uint8Array): string {
  return toDigest(sha256().update(bytes))
}

/** The 64 hex digits. Throws a plain Error for anything else: digests become file names. */
export function hexOf(digest: string): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1]
  if (hex === undefined) throw new Error(`not a sha256 digest: ${digest}`)
  return hex
}

/** `parent` undefined: the lowest layer, whose chain id is its diff id. */
export function chainIdOf(parent: string | undefined, diffId: string): string {
  return parent === undefined ? diffId : digestOf(`${parent} ${diffId}`)
}
