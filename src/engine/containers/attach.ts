/**
 * attach: clients joined with the input and output of a container's first process, which conmon holds. Who attaches
 * before the start is connected before the process runs, so the first byte is seen (`docker run` counts on it).
 * Source: Engine API ContainerAttach; moby daemon/attach.go, container/stream/attach.go.
 */
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { ConflictError, InvalidRequestError } from '../../errors.ts'
import type { AttachRequest, StdioSession } from '../services/index.ts'
import { createConmonLink, type ConmonLink, type OutputListener } from './conmon-link.ts'
import type { EngineBase } from '../context.ts'
import { publish } from './context.ts'
import { containerFolder } from './folders.ts'
import type { Container } from './store.ts'

/** conmon takes one resize at a time: two lines that it reads at once count as the first. */
const RESIZE_PAUSE_MS = 25
const RESIZE_EVENT = 1
const HANG_UP_MS = 1000

export interface Attachments {
  /** Throws ConflictError for a paused container or one that waits to be restarted. */
  attach(container: Container, request: AttachRequest): StdioSession
  /** conmon stands, the process does not run yet: those who wait are connected. Never throws. */
  connect(container: Container): Promise<void>
  /** The start failed, or the container is removed: nobody waits any more. */
  dismiss(container: Container): void
  resize(container: Container, rows: number, columns: number): Promise<void>
}

interface Session {
  readonly request: AttachRequest
  take(link: ConmonLink | undefined): void
}

/** Its input is closed for good when the client that was to give it has gone (`docker run -i`). */
export function isStdinOnce({ document: { config } }: Container): boolean {
  return config.OpenStdin === true && config.StdinOnce === true && config.Tty !== true
}

export function createAttachments(context: EngineBase): Attachments {
  const waiting = new Map<string, Set<Session>>()
  const links = new Map<string, Promise<ConmonLink | undefined>>()
  const users = new Map<ConmonLink, number>()
  const resizes = new Map<string, { rows: number; columns: number; isDue: boolean }>()

  async function open(container: Container): Promise<ConmonLink | undefined> {
    const { document } = container
    const { process, conmon } = document.state
    const isAlive = (): boolean =>
      process !== undefined && context.host.processes.startTime(process.pid) === process.startTime
    const path = join(containerFolder(context.config, container.id).bundle, 'attach')
    try {
      const socket = await context.host.packetSockets.connect(path)
      const { processes, terminalInput } = context.host
      const pid = conmon?.pid ?? 0
      const input = document.config.Tty === true ? terminalInput.openOf(pid) : processes.openWritePipe(pid)
      return createConmonLink({ socket, input, isAlive })
    } catch (error) {
      // it has ended this moment, or its conmon was killed
      context.log('info', 'cannot attach', { container: container.id, error: String(error) })
      return undefined
    }
  }

  function linkOf(container: Container): Promise<ConmonLink | undefined> {
    const { id } = container
    const known = links.get(id)
    if (known !== undefined) return known
    const opening = open(container)
    links.set(id, opening)
    const forget = (): void => {
      if (links.get(id) === opening) links.delete(id)
    }
    void opening.then((link) => (link === undefined ? forget() : void link.ended.then(forget)))
    return opening
  }

  /** With the last one goes the connection, unless the process's input hangs on it. */
  function release(container: Container, link: ConmonLink): void {
    const left = (users.get(link) ?? 1) - 1
    users.set(link, left)
    if (left > 0 || isStdinOnce(container)) return
    links.delete(container.id)
    link.close()
  }

  function createSession(container: Container, request: AttachRequest): StdioSession & Session {
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    const { promise: linked, resolve: settle } = Promise.withResolvers<ConmonLink | undefined>()
    const { config } = container.document
    const tty = config.Tty ?? false
    const listeners: OutputListener[] = []
    const who = {}
    let isOver = false
    /** The client went away, what it typed is still on its way. */
    let isGone = false
    let stop = (): void => {}
    const withInput = request.stdin && config.OpenStdin === true

    const input = withInput
      ? new Writable({
          write(data: Buffer, _encoding, done) {
            void linked.then((link) => link?.write(data)).then(() => done())
          },
          final(done) {
            done()
            // as dockerd: input that stays open for others ends with the client, and so does the client's session
            if (isStdinOnce(container)) void linked.then((link) => link?.endInput())
            else leave()
          },
        })
      : null
    input?.on('error', () => {})

    function leave(): void {
      if (isOver) return
      isOver = true
      stop()
      waiting.get(container.id)?.delete(session)
      settle(undefined)
      input?.destroy()
      end()
    }

    const session: StdioSession & Session = {
      tty,
      request,
      input,
      ended,
      take(link) {
        if (link === undefined || !isOver) return settle(link)
        users.set(link, (users.get(link) ?? 0) + 1)
        release(container, link)
      },
      onOutput: (listener) => {
        listeners.push(listener)
        void linked.then((link) => link?.hold(who, false))
      },
      setFlowing: (flowing) => void linked.then((link) => !isOver && link?.hold(who, !flowing)),
      hangUp() {
        if (isOver) return
        if (input !== null && isStdinOnce(container)) void linked.then((link) => link?.endInput())
        else if (input !== null && input.writableLength > 0) {
          // typed before the client left: it is owed to the process, but not for ever
          isGone = true
          input.end()
          setTimeout(leave, HANG_UP_MS).unref()
          return
        }
        leave()
      },
      detach() {
        publish(context, container, 'detach')
        leave()
      },
    }

    void linked.then((link) => {
      if (link === undefined || isOver) return leave()
      users.set(link, (users.get(link) ?? 0) + 1)
      if (listeners.length === 0) link.hold(who, true)
      const unlisten = link.listen((stream, data) => {
        if (isGone || !(stream === 'stdout' ? request.stdout : request.stderr)) return
        for (const listener of listeners) listener(stream, data)
      })
      stop = () => {
        unlisten()
        link.hold(who, false)
        release(container, link)
      }
      void link.ended.then(leave)
    })
    return session
  }

  function writeSize(container: Container, rows: number, columns: number): void {
    const control = join(containerFolder(context.config, container.id).bundle, 'ctl')
    context.host.files.writeFifoSync(control, `${RESIZE_EVENT} ${rows} ${columns}\n`)
  }

  /** The newest of the sizes that came while the last one was on its way. */
  async function settleResize(container: Container): Promise<void> {
    for (;;) {
      await context.host.clock.sleep(RESIZE_PAUSE_MS)
      const wish = resizes.get(container.id)
      if (wish === undefined || !wish.isDue) break
      wish.isDue = false
      writeSize(container, wish.rows, wish.columns)
    }
    resizes.delete(container.id)
  }

  return {
    attach(container, request) {
      const { document, pendingRestart, run } = container
      if (document.state.status === 'paused')
        throw new ConflictError(`container ${document.name} is paused, unpause the container before attach`)
      if (pendingRestart !== undefined)
        throw new ConflictError(`container ${document.name} is restarting, wait until the container is running`)
      const session = createSession(container, request)
      if (run === undefined) {
        const sessions = waiting.get(container.id) ?? new Set()
        waiting.set(container.id, sessions.add(session))
      } else void linkOf(container).then((link) => session.take(link))
      publish(context, container, 'attach')
      return session
    },
    async connect(container) {
      const sessions = waiting.get(container.id)
      waiting.delete(container.id)
      links.delete(container.id) // of the run before, should its end not have been seen yet
      if (sessions === undefined || sessions.size === 0) return
      const link = await linkOf(container)
      for (const session of sessions) session.take(link)
    },
    dismiss(container) {
      for (const session of waiting.get(container.id) ?? []) session.take(undefined)
      waiting.delete(container.id)
    },
    async resize(container, rows, columns) {
      if (container.document.config.Tty !== true)
        throw new InvalidRequestError(`container ${container.document.name} has no terminal`)
      if (container.run === undefined)
        throw new ConflictError(`container ${container.document.name} is not running`, { code: 'NOT_RUNNING' })
      publish(context, container, 'resize', { height: String(rows), width: String(columns) })
      const { pty, terminalInput } = context.host
      const conmon = container.document.state.conmon?.pid ?? 0
      // done when we answer: what is typed next sees the new size
      if (terminalInput.withMasterOf(conmon, (master) => pty.resize(master, rows, columns))) return
      const pending = resizes.get(container.id)
      if (pending !== undefined) {
        resizes.set(container.id, { rows, columns, isDue: true })
        return
      }
      resizes.set(container.id, { rows, columns, isDue: false })
      try {
        writeSize(container, rows, columns)
      } finally {
        settleResize(container).catch(() => void resizes.delete(container.id)) // it has ended meanwhile
      }
    },
  }
}
