/** Absent attributes stay absent: the API reads `null` and 0 as values, and exactOptionalPropertyTypes forbids them. */

/** The object without its undefined values. */
export function present<T extends object>(values: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T
}
