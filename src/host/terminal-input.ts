/**
 * Input of a pseudo-terminal, written to its master by us. Node writes to a master by waiting in the kernel, and the whole
 * engine with it, as long as nobody reads the terminal; conmon waits too, and passes no output on meanwhile. So the master
 * is set not to block, and asked again after a pause when it is full. conmon's master is had by pidfd_getfd(2).
 * Source: man 7 pty, man 2 fcntl, pidfd_open, pidfd_getfd (Linux 5.6).
 */
import { closeSync, constants, readdirSync, readlinkSync, writeSync } from 'node:fs'
import { Writable } from 'node:stream'
import { errnoOf } from '../errors.ts'
import type { Libc } from './libc.ts'

export interface TerminalInput {
  /** Throws KernelError. Uses a descriptor of its own, which goes with `destroy`. sync */
  open(masterFd: number): Writable
  /** To the terminal whose master another process holds; undefined when there is none, or we may not have it. sync */
  openOf(pid: number): Writable | undefined
  /** Calls `use` with that terminal's master, which is closed afterwards; false when it cannot be had. sync */
  withMasterOf(pid: number, use: (masterFd: number) => void): boolean
}

const F_GETFL = 3
const F_SETFL = 4
const F_DUPFD_CLOEXEC = 1030
/** The same on all architectures. */
const SYS_PIDFD_OPEN = 434
const SYS_PIDFD_GETFD = 438
const FIRST_PAUSE_MS = 1
const LONGEST_PAUSE_MS = 50

/** How much the terminal has taken: 0 when it is full. Throws EIO when it is gone. */
function tryWrite(fd: number, data: Buffer): number {
  try {
    return writeSync(fd, data)
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return 0
    throw error
  }
}

/** Owns `fd`. */
function createInput(fd: number): Writable {
  let timer: NodeJS.Timeout | undefined
  function writeAll(data: Buffer, done: (error?: Error) => void, pauseMs: number): void {
    let taken: number
    try {
      taken = tryWrite(fd, data)
    } catch (error) {
      return done(error as Error)
    }
    if (taken === data.length) return done()
    const nextPauseMs = taken > 0 ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, pauseMs * 2)
    timer = setTimeout(writeAll, pauseMs, data.subarray(taken), done, nextPauseMs)
  }
  return new Writable({
    write: (data: Buffer, _encoding, done) => writeAll(data, done, FIRST_PAUSE_MS),
    destroy(error, done) {
      clearTimeout(timer)
      closeSync(fd)
      done(error)
    },
  })
}

/** The number under which a process has a master. Throws ENOENT, ESRCH, EACCES. */
function masterNumber(pid: number): number | undefined {
  const folder = `/proc/${pid}/fd`
  const found = readdirSync(folder).find((fd) => readlinkSync(`${folder}/${fd}`).endsWith('/ptmx'))
  return found === undefined ? undefined : Number(found)
}

export function createTerminalInput(libc: Libc): TerminalInput {
  const fcntl = libc.func('int fcntl(int fd, int command, int argument)')
  const syscall = libc.func('long syscall(long number, long a, long b, long c)')

  /** Takes over `fd`. */
  function adopt(fd: number): Writable {
    const flags = Number(fcntl(fd, F_GETFL, 0))
    if (flags >= 0 && Number(fcntl(fd, F_SETFL, flags | constants.O_NONBLOCK)) >= 0) return createInput(fd)
    const failure = libc.error('cannot use a terminal')
    closeSync(fd)
    throw failure
  }

  function descriptorOf(pid: number, number: number): number {
    const process = Number(syscall(SYS_PIDFD_OPEN, pid, 0, 0))
    if (process < 0) return -1
    try {
      return Number(syscall(SYS_PIDFD_GETFD, process, number, 0))
    } finally {
      closeSync(process)
    }
  }

  function masterOf(pid: number): number | undefined {
    try {
      const number = masterNumber(pid)
      const fd = number === undefined ? -1 : descriptorOf(pid, number)
      return fd < 0 ? undefined : fd
    } catch (error) {
      if (['ENOENT', 'ESRCH', 'EACCES'].includes(errnoOf(error) ?? '')) return undefined
      throw error
    }
  }

  return {
    open(masterFd) {
      const own = Number(fcntl(masterFd, F_DUPFD_CLOEXEC, 3))
      if (own < 0) throw libc.error('cannot use a terminal')
      return adopt(own)
    },
    openOf(pid) {
      const fd = masterOf(pid)
      return fd === undefined ? undefined : adopt(fd)
    },
    withMasterOf(pid, use) {
      const fd = masterOf(pid)
      if (fd === undefined) return false
      try {
        use(fd)
      } finally {
        closeSync(fd)
      }
      return true
    },
  }
}
