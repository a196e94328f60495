/** Image references as people see them. Source: OCI distribution-spec, references. */

/** "debian:12" -> debian, 12; a colon before a slash is a registry's port; no tag reads as "<none>". */
export function splitReference(reference: string): { readonly repository: string; readonly tag: string } {
  const colon = reference.lastIndexOf(':')
  if (colon <= reference.lastIndexOf('/')) return { repository: reference, tag: '<none>' }
  return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1) }
}
