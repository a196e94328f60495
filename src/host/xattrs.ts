/** Extended attributes through libc (koffi), never following a symbolic link. All sync. Source: man 7 xattr. */
import { type Libc } from './libc.ts'

export interface Xattrs {
  /** Throws KernelError. */
  set(path: string, name: string, value: Uint8Array): void
  /** Undefined when the attribute is not there or the file system has none. */
  get(path: string, name: string): Buffer | undefined
  /** Sorted names; empty where the file system has none. */
  list(path: string): string[]
  remove(path: string, name: string): void
}

const MAX_VALUE_BYTES = 65536

/** The real one. */
export function createXattrs(libc: Libc): Xattrs {
  const set = libc.func('int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)')
  const get = libc.func('int64_t lgetxattr(const char *path, const char *name, void *value, size_t size)')
  const list = libc.func('int64_t llistxattr(const char *path, void *list, size_t size)')
  const remove = libc.func('int lremovexattr(const char *path, const char *name)')
  return {
    set(path, name, value) {
      if (set(path, name, value, value.length, 0) !== 0) throw libc.error(`cannot set ${name} of ${path}`, path)
    },
    get(path, name) {
      const buffer = Buffer.alloc(MAX_VALUE_BYTES)
      const length = Number(get(path, name, buffer, buffer.length))
      if (length >= 0) return Buffer.from(buffer.subarray(0, length))
      const failure = libc.error(`cannot read ${name} of ${path}`, path)
      if (failure.errno === 'ENODATA' || failure.errno === 'ENOTSUP' || failure.errno === 'EOPNOTSUPP') return undefined
      throw failure
    },
    list(path) {
      const buffer = Buffer.alloc(MAX_VALUE_BYTES)
      const length = Number(list(path, buffer, buffer.length))
      if (length > 0) return buffer.toString('utf8', 0, length).split('\0').filter(Boolean).toSorted()
      if (length === 0) return []
      const failure = libc.error(`cannot list the attributes of ${path}`, path)
      if (failure.errno === 'ENOTSUP' || failure.errno === 'EOPNOTSUPP') return []
      throw failure
    },
    remove(path, name) {
      if (remove(path, name) !== 0) throw libc.error(`cannot remove ${name} of ${path}`, path)
    },
  }
}
