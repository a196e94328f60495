/**
 * Paths inside an image, by text alone: what WORKDIR, COPY and mounts write against the working folder. PURE.
 * Source: Dockerfile reference, WORKDIR and COPY.
 */
import { posix } from 'node:path'

/** Absolute and clean. */
export function workingPath(current: string, path: string): string {
  return posix.resolve('/', current, path)
}

/** As workingPath, but a "/" or "/." at the end stays as "/": the destination is a folder then. "" means "./". */
export function destinationPath(current: string, path: string): string {
  const text = path === '' || path === '.' ? './' : path
  const clean = workingPath(current, text)
  const isFolder = text.endsWith('/') || text.endsWith('/.')
  return isFolder && clean !== '/' ? `${clean}/` : clean
}

/** What a source is called in the root that it comes from: clean, without "/" in front; "" is the root itself. */
export function sourcePath(path: string): string {
  return posix.resolve('/', path).slice(1)
}
