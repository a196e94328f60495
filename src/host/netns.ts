/**
 * Network namespaces held by a bind mount on a file, and work inside them on the engine's own main thread:
 * setns(2) there and back within one synchronous stretch, so no other JavaScript ever runs in the wrong one.
 * libuv's threads are not touched (a network namespace belongs to a thread). Source: man 7 network_namespaces.
 */

export interface Netns {
  /** Makes a namespace and binds it to the new file `path`. Throws KernelError. */
  create(path: string): void
  /** Unbinds and deletes the file; nothing happens when it is gone. */
  remove(path: string): void
  /** Runs `work` (synchronous!) inside. `path`: a namespace file, or /proc/PID/ns/net. Throws KernelError. */
  inside<T>(path: string, work: () => T): T
  /** The inode of the namespace: equal numbers, same namespace. Undefined when the file is no namespace. */
  inode(path: string): number | undefined
  /** A datagram socket bound to address:port (0: any) as a descriptor, created in the present namespace. */
  bindUdp(address: string, port: number): number
  /** A listening stream socket, likewise. */
  listenTcp(address: string, port: number): number
}
