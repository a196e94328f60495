/**
 * Which extended attributes travel in layers and archives. PURE. Never trusted.*: trusted.overlay.redirect or metacopy
 * in an image would point overlayfs at other layers' files. Never security.selinux: a label of another machine.
 */
import type { ByteString } from '../../host/at.ts'

export const OPAQUE_XATTR = 'trusted.overlay.opaque'

const CARRIED = new Set(['security.capability', 'system.posix_acl_access', 'system.posix_acl_default'])

export function isCarriedXattr(name: ByteString): boolean {
  return CARRIED.has(name) || (name.startsWith('user.') && !name.startsWith('user.overlay.'))
}
