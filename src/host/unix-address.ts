/** struct sockaddr_un for calls that Node does not make. Source: man 7 unix. PURE. */

const AF_UNIX = 1
const MAX_PATH_BYTES = 107

export function unixAddress(path: string): Buffer {
  const name = Buffer.from(path)
  if (name.length > MAX_PATH_BYTES) throw new Error(`socket path of ${name.length} bytes: ${path}`)
  const bytes = Buffer.alloc(2 + MAX_PATH_BYTES + 1)
  bytes.writeUInt16LE(AF_UNIX, 0)
  name.copy(bytes, 2)
  return bytes
}
