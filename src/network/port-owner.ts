/**
 * Which process of the host holds a port, for the error that says so: the socket's inode from /proc/net, then the
 * process with that socket among its descriptors. Best effort: processes come and go. Source: man 5 proc_net.
 */
import type { Files } from '../host/host.ts'

const TCP_LISTEN = '0A'

/** Inodes of the sockets bound to the port in the text of /proc/net/{tcp,tcp6,udp,udp6}. PURE. */
export function socketInodes(table: string, port: number, protocol: 'tcp' | 'udp'): string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  const inodes: string[] = []
  for (const line of table.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/)
    const [, local = '', , state] = fields
    const inode = fields[9]
    if (inode === undefined || !local.endsWith(`:${hexPort}`)) continue
    if (protocol === 'udp' || state === TCP_LISTEN) inodes.push(inode)
  }
  return inodes
}

function links(files: Files, folder: string): string[] {
  try {
    return files.readdirSync(folder).map((name) => {
      try {
        return files.readlinkSync(`${folder}/${name}`)
      } catch {
        return '' // closed since
      }
    })
  } catch {
    return [] // the process has ended
  }
}

/** 'process 812 (nginx)', or undefined when nobody is found. */
export function portOwner(files: Files, port: number, protocol: 'tcp' | 'udp'): string | undefined {
  const wanted = new Set(
    [protocol, `${protocol}6`].flatMap((name) =>
      socketInodes(files.readTextSync(`/proc/net/${name}`) ?? '', port, protocol).map((inode) => `socket:[${inode}]`),
    ),
  )
  if (wanted.size === 0) return undefined
  for (const pid of files.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (!links(files, `/proc/${pid}/fd`).some((link) => wanted.has(link))) continue
    // a process names itself: keep only what prints
    const name = files.readTextSync(`/proc/${pid}/comm`)?.replaceAll(/[^\x21-\x7e]/g, '')
    return `process ${pid} (${name ?? 'unknown'})`
  }
  return undefined
}
