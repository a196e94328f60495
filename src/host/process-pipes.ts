/**
 * A further write end of a pipe that another process holds, through /proc/PID/fd. conmon spins when a container has
 * closed its input and more is sent to it; whoever writes to the pipe itself is told EPIPE.
 * Source: man 5 proc_pid_fd, proc_pid_fdinfo.
 */
import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { errnoOf } from '../errors.ts'

const ACCESS_MODE = 3
const O_CLOEXEC = 0o2000000
/** conmon writes without waiting to this pipe only; the one on which it tells us of the start is a waiting one. */
const OWN_FLAGS = O_CLOEXEC | constants.O_NONBLOCK

/** The number of the one anonymous pipe that the process can only write to, and has made itself: not got by exec. */
function findPipe(pid: number): string | undefined {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).find((fd) => {
    if (!readlinkSync(`${folder}/${fd}`).startsWith('pipe:[')) return false
    const text = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0'
    const flags = Number.parseInt(text, 8)
    return (flags & ACCESS_MODE) === constants.O_WRONLY && (flags & OWN_FLAGS) === OWN_FLAGS
  })
}

/** Undefined when there is none (any more). sync */
export function openWritePipe(pid: number): Writable | undefined {
  try {
    const number = findPipe(pid)
    if (number === undefined) return undefined
    const fd = openSync(`/proc/${pid}/fd/${number}`, constants.O_WRONLY | constants.O_NONBLOCK)
    try {
      return new Socket({ fd, readable: false, writable: true })
    } catch (error) {
      closeSync(fd)
      throw error
    }
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}
