/** SOURCE_DATE_EPOCH: the time that everything in the image has instead of that of the build. PURE. Source: reproducible-builds.org. */

/** RFC 3339 in whole seconds, as Go writes it. */
export function epochTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}
